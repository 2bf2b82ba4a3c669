const GROUPED_WITHIN_MS = 5 * 60_000;

/** The transcript's items with a line before each day; who goes on writing is not named again. */
export function arrangeByDay(items, texts, now = new Date()) {
  const arranged = [];
  let day = null;
  let before = null;
  for (const item of items) {
    if (item.at && startOfDay(item.at) !== day) {
      day = startOfDay(item.at);
      arranged.push({ key: `day ${day}`, kind: "day", text: dayName(item.at, now, texts) });
      before = null;
    }
    const isSameSide = before?.kind === item.kind && before.name === item.name;
    const follows = isSameSide && item.at - before.at < GROUPED_WITHIN_MS;
    arranged.push({ ...item, follows, name: follows ? "" : item.name });
    before = item.at ? item : null;
  }
  return arranged;
}

/** "Today", "Yesterday" or the date; the year only where it is another one. */
export function dayName(date, now, texts) {
  const daysAgo = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000);
  if (daysAgo === 0) return texts.get("today");
  if (daysAgo === 1) return texts.get("yesterday");
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(texts.locale, { weekday: "long", day: "numeric", month: "long", year });
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
