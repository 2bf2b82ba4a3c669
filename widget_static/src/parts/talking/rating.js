/** Asks how it was once a chat is over in which an agent has written. */
export function askRating(core) {
  const { chat, notice, loadPart, stay } = core;
  let asked = null;
  let form = null;

  async function ask() {
    const closed = chat.phase === "over" ? chat.shown : null;
    if (closed === asked) return;
    asked = closed;
    form?.remove();
    if (!closed || !chat.store.messages.some(({ sender_type }) => sender_type === "agent")) return;
    // Whoever has ended the chat sees its window close in a moment: not before the question is answered, or the
    // window closed by hand.
    stay();
    try {
      const part = await loadPart("rating");
      if (asked !== closed) return;
      form = part.create(core, closed);
      notice.lastChild.before(form);
    } catch {
      // Nobody has asked for it: then there is no question.
    }
  }

  chat.addEventListener("change", ask);
}
