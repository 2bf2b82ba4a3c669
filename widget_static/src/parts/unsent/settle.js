const TRIES_AGAIN_MS = [1000, 3000, 10_000, 30_000];

/** After the end: what had arrived before it, and whose acknowledgement did not come any more, is no failure. */
export function settle({ chat, Timers, signal }) {
  const timers = new Timers();
  let asked = null;

  function look() {
    const { phase, shown, store } = chat;
    if (phase !== "over" || !shown || shown === asked || store.outbox.length === 0) return;
    asked = shown;
    ask(shown, TRIES_AGAIN_MS);
  }

  async function ask(shown, [wait, ...later]) {
    // The next chat has begun, and messages of its own.
    if (chat.shown !== shown) return;
    try {
      await chat.settle(shown);
      chat.dispatchEvent(new CustomEvent("change"));
    } catch (error) {
      if (error.isTemporary && wait) timers.start("again", wait, () => ask(shown, later));
    }
  }

  chat.addEventListener("change", look);
  look();
  signal.addEventListener("abort", () => timers.clear());
}
