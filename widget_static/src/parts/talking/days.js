const GROUPED_WITHIN_MS = 5 * 60_000;
// Of these each is looked at by itself.
const UNSETTLED = ["sending", "failed"];

/**
 * The transcript's items with a line before each day. What one side writes within a few minutes is a group: its
 * author stands above it, its time below. `isFollowed` is what the next one says as well.
 */
export function arrangeByDay(items, texts, now = new Date()) {
  const arranged = [];
  let day = null;
  let first = null;
  for (const item of items) {
    if (item.at && startOfDay(item.at) !== day) {
      day = startOfDay(item.at);
      arranged.push({ key: `day ${day}`, kind: "day", text: dayName(item.at, now, texts) });
      first = null;
    }
    const isSameSide = first?.kind === item.kind && first.name === item.name;
    const follows = isSameSide && item.at - first.at < GROUPED_WITHIN_MS;
    const before = arranged[arranged.length - 1];
    if (follows && before.state === item.state && !UNSETTLED.includes(item.state)) before.isFollowed = true;
    const meta = [item.at && timeOfDay(item.at, texts.locale), item.meta].filter(Boolean).join(" · ");
    arranged.push({ ...item, follows, meta, name: follows ? "" : item.name });
    if (!follows) first = item.at ? item : null;
  }
  return arranged;
}

// Made once: to make one takes longer than all else that a message costs.
let clock = null;

/** The time of day, in the reader's own manner. */
function timeOfDay(date, locale) {
  if (clock?.locale !== locale) {
    const format = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
    clock = { locale, format };
  }
  // Of a time that is none: what stands in the browser's storage may be anything.
  return Number.isNaN(date.getTime()) ? "" : clock.format.format(date);
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
