const IN_SIGHT_PX = 60;

/** Tells the chat whether the newest message is in sight. */
export function followEnd({ chat, transcript, signal }) {
  const list = transcript.node;

  function look() {
    chat.isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < IN_SIGHT_PX;
    if (chat.isAtEnd) chat.markRead();
  }

  list.addEventListener("scroll", look, { passive: true });
  // What opens below takes its room from the list: whoever reads its end goes on reading it.
  const resizes = new ResizeObserver(() => chat.isAtEnd && transcript.scrollToEnd());
  resizes.observe(list);
  signal.addEventListener("abort", () => resizes.disconnect());
  // Once it is drawn: a new chat's list may be short enough to be seen whole.
  chat.addEventListener("change", () => chat.isAtEnd || queueMicrotask(look));
  look();
}
