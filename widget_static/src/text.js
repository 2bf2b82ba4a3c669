// What is shown of times and colours. Pure.

// Where a message tells what has happened, the tenant's words come first, then those of the visitor's language.
/** What a message says. */
export function wordsOf({ event, body }, texts) {
  return event?.text || texts.get(`event.${event?.reason}`, { name: event?.agent_name }) || body;
}

/** Red, green and blue, 0 to 255, of a colour as computed styles have it: `rgb(…)` or `color(srgb …)`, without alpha. */
export function rgbOf(color) {
  const [red, green, blue] = color.match(/[\d.e-]+/g);
  const unit = color.startsWith("rgb") ? 1 : 255;
  return [red, green, blue].map((value) => Math.round(value * unit));
}

/** White or black, whichever is easy to read (WCAG contrast of 4.5 or more) on a colour (see rgbOf). */
export function readableOn(rgb) {
  const [red, green, blue] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= 4.5 ? "#fff" : "#000";
}
