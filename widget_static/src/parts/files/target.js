/** Shows, while files are dragged over the window, that they can be dropped there. */
export function showTarget({ chat, panel, element, texts }) {
  const target = element("div", { class: "drop", "aria-hidden": "true" });
  const show = (isShown) => panel.classList.toggle("dropping", isShown);
  const name = () => (target.textContent = texts.get("dropFiles"));

  // What is taken has been prevented by who takes it.
  panel.addEventListener("dragover", (event) => event.defaultPrevented && show(true));
  panel.addEventListener("dragleave", ({ relatedTarget }) => panel.contains(relatedTarget) || show(false));
  panel.addEventListener("drop", () => show(false));
  panel.append(target);
  chat.addEventListener("change", name);
  name();
}
