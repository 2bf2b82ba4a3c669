// What is shown of texts, times and colours. Pure.

const LINK = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gi;

/**
 * The text in pieces, in order: {text} or {text, href}. Only http and https addresses become links, and only
 * as they are written: nothing is decoded, so what the reader sees is where the link leads.
 */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const written = withoutClosing(match[0]);
    const href = webAddress(written);
    if (!href) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: written, href });
    end = match.index + written.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

// The full stop of the sentence, and the bracket around the address, do not belong to it.
function withoutClosing(address) {
  let end = address.length;
  while (end > 0) {
    const last = address[end - 1];
    const opening = { ")": "(", "]": "[", "}": "{" }[last];
    const isBalanced =
      opening && address.slice(0, end).split(opening).length >= address.slice(0, end).split(last).length;
    if (isBalanced || !/[.,:;!?*_~)\]}]/.test(last)) break;
    end -= 1;
  }
  return address.slice(0, end);
}

function webAddress(text) {
  try {
    const { protocol, username, password, href } = new URL(text);
    // https://bank.example@evil.example reads as the wrong host.
    return /^https?:$/.test(protocol) && !username && !password ? href : null;
  } catch {
    return null;
  }
}

/** The time of day, in the reader's own manner. */
export function timeOfDay(date, locale) {
  return date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
}

/** "Today", "Yesterday" or the date; the year only where it is another one. */
export function dayName(date, now, strings, locale) {
  const daysAgo = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000);
  if (daysAgo === 0) return strings.today;
  if (daysAgo === 1) return strings.yesterday;
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(locale, { weekday: "long", day: "numeric", month: "long", year });
}

export function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** The red, green and blue (0 to 255) of `#rgb`, `#rrggbb` or `rgb(…)`; null for anything else. */
export function channels(color) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(color)?.[1];
  if (hex) {
    const digits = hex.length === 3 ? [...hex].map((digit) => digit + digit) : hex.match(/../g);
    return digits.map((pair) => parseInt(pair, 16));
  }
  const parts = /^rgba?\(\s*([\d.]+)[\s,]+([\d.]+)[\s,]+([\d.]+)/.exec(color);
  return parts && parts.slice(1).map(Number);
}

/** White or near-black, whichever is easier to read on the given red, green and blue (WCAG contrast). */
export function readableOn(rgb) {
  const [red, green, blue] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const onWhite = 1.05 / (luminance + 0.05);
  const onBlack = (luminance + 0.05) / 0.05;
  return onWhite >= 4.5 || onWhite >= onBlack ? "#ffffff" : "#000000";
}
