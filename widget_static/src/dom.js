// Elements without markup: no innerHTML and no style attribute, which strict hosts forbid.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `attributes`: on… are listeners, true is an empty attribute, null and false leave it out. */
export function element(tag, attributes = {}, ...children) {
  const isDrawn = tag === "svg" || tag === "path";
  const node = isDrawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A line drawing on 24 x 24, hidden from screen readers: the button around it has the name. */
export function icon(path) {
  return element("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, element("path", { d: path }));
}

/**
 * Gives the shadow root one more style sheet, also under a host policy of `style-src 'none'`. Returns a
 * function that changes the media it is for. `nonce` is for browsers from before constructed style sheets.
 */
export function adoptStyles(root, css, nonce) {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    return (media) => (sheet.media.mediaText = media);
  } catch {
    const style = element("style", { nonce: nonce ?? null }, css);
    root.append(style);
    return (media) => (style.media = media);
  }
}

export const ICONS = {
  chat: "M20 11.5a7.5 7.5 0 0 1-11 6.6L4.5 19.5l1.4-4A7.5 7.5 0 1 1 20 11.5Z",
  down: "m6 9.5 6 6 6-6",
  close: "m6.5 6.5 11 11m0-11-11 11",
  send: "M12 19V5.5m-6 6 6-6 6 6",
};
