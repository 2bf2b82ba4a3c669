/** Tells a reader further up that there is news below. */
export function addPill({ chat, transcript, textBox, element, texts }) {
  const pill = element("button", { type: "button", class: "newer", hidden: true, onclick: goThere });
  transcript.node.after(element("div", { class: "newer-place" }, pill));

  function show() {
    const { isAtEnd, unread } = chat;
    const news = texts.get("newMessages", { count: unread });
    pill.hidden = isAtEnd || unread === 0;
    pill.textContent = `↓ ${news}`;
    pill.setAttribute("aria-label", `${news}. ${texts.get("toNewest")}`);
  }

  function goThere() {
    transcript.scrollToEnd();
    textBox.focus({ preventScroll: true });
  }

  // The place of the reader is known once what is new is drawn.
  chat.addEventListener("change", () => queueMicrotask(show));
  show();
}
