/**
 * The number of unread messages, in front of the page's title. Written when the number changes and at no other
 * time: a page that sets its title meanwhile has its way.
 */
export function countInTitle({ chat, signal }) {
  let count = 0;
  let prefix = "";

  function show(unread) {
    if (unread === count) return;
    count = unread;
    const title = document.head?.querySelector("title");
    if (!title) return;
    const own = title.textContent.replace(prefix, "");
    // The space is one that does not break: no page's own "(1) " is taken for ours.
    prefix = count ? `(${count})\u00a0` : "";
    title.textContent = prefix + own;
  }

  chat.addEventListener("change", () => show(chat.unread));
  signal.addEventListener("abort", () => show(0));
  show(chat.unread);
}
