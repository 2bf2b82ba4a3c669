const IN_SIGHT_PX = 60;

/** Tells the chat whether the newest message is in sight, and a reader further up that there is news. */
export function followEnd({ chat, transcript, textBox, element, texts, signal }) {
  const list = transcript.node;
  const pill = element("button", { type: "button", class: "newer", hidden: true, onclick: goThere });
  list.after(element("div", { class: "newer-place" }, pill));

  function look() {
    chat.isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < IN_SIGHT_PX;
    if (chat.isAtEnd) chat.markRead();
    show();
  }

  function show() {
    const { isAtEnd, unread } = chat;
    pill.hidden = isAtEnd || unread === 0;
    pill.textContent = `↓ ${texts.get("newMessages", { count: unread })}`;
    pill.setAttribute(
      "aria-label",
      `${texts.get("newMessages", { count: unread })}. ${texts.get("toNewest")}`,
    );
  }

  function goThere() {
    transcript.scrollToEnd();
    textBox.focus({ preventScroll: true });
  }

  list.addEventListener("scroll", look, { passive: true });
  // What opens below takes its room from the list: whoever reads its end goes on reading it.
  const resizes = new ResizeObserver(() => chat.isAtEnd && transcript.scrollToEnd());
  resizes.observe(list);
  signal.addEventListener("abort", () => resizes.disconnect());
  chat.addEventListener("change", () => {
    // Once it is drawn: a new chat's list may be short enough to be seen whole.
    if (chat.isAtEnd) show();
    else queueMicrotask(look);
  });
  look();
}
