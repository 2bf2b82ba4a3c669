export const PAGE = "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8Zm0 0v5h5M9 13h6m-6 4h4";

/** Draws the file of an item into its row, if it is that of a file. */
export function drawFile({ api, element, icon, texts }, node, { attachment }) {
  if (!attachment) return;
  const { name, size, url, thumbnail } = attachment;
  const bubble = node.querySelector(".bubble");
  const at = (path) => new URL(path, api.root).href;
  const link = (className, ...children) =>
    element(
      "a",
      { class: className, href: at(url), target: "_blank", rel: "noopener noreferrer" },
      ...children,
    );
  const showName = () => {
    bubble.className = "bubble";
    bubble.removeAttribute("style");
    bubble.replaceChildren(link("file", icon(PAGE), nameAndSize(element, texts, { name, size })));
  };
  if (!thumbnail) return showName();
  const { width, height } = thumbnail;
  const picture = { src: at(thumbnail.url), width, height, alt: name, onerror: showName };
  bubble.className = "bubble picture";
  bubble.replaceChildren(link("", element("img", { ...picture, referrerpolicy: "no-referrer" })));
}

/** Two lines: what it is called, and how large it is. */
export function nameAndSize(element, texts, { name, size }) {
  return element(
    "span",
    {},
    element("bdi", {}, name),
    element("small", { class: "size" }, sizeText(size, texts.locale)),
  );
}

/** Such as "48 kB", in the language's way. */
export function sizeText(bytes, locale) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const format = { style: "unit", unit, maximumFractionDigits: bytes < 1e6 ? 0 : 1 };
  return new Intl.NumberFormat(locale, format).format(Math.max(bytes / divisor, 1));
}
