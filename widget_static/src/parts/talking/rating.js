/**
 * Once a chat is over in which an agent has written, it is asked how it was: `core.wantsRating()`. Whoever has ended
 * the chat sees its window close in a moment: not before the question is answered, or the window closed by hand.
 */
export function waitForRating(core) {
  const { chat, stay } = core;
  core.wantsRating = () =>
    chat.phase === "over" && chat.store.messages.some(({ sender_type }) => sender_type === "agent");
  chat.addEventListener("change", () => core.wantsRating() && stay());
}
