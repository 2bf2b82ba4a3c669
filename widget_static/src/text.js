// What is shown of times and colours. Pure.

/** The time of day, in the reader's own manner. */
export function timeOfDay(date, locale) {
  return date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
}

/** "Today", "Yesterday" or the date; the year only where it is another one. */
export function dayName(date, now, texts) {
  const daysAgo = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000);
  if (daysAgo === 0) return texts.get("today");
  if (daysAgo === 1) return texts.get("yesterday");
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString("en", { weekday: "long", day: "numeric", month: "long", year });
}

export function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** White or black, whichever is easy to read (WCAG contrast of 4.5 or more) on a colour, given as `rgb(…)`. */
export function readableOn(rgb) {
  const [red, green, blue] = rgb.match(/[\d.]+/g).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= 4.5 ? "#fff" : "#000";
}
