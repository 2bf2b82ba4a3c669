// What a connection may take before another way is tried: less where none has ever come about.
const NEVER_READY_MS = 6000;
const CUT_MS = 20_000;

/** Where sockets are blocked, or do not come back, a part of its own carries the frames by plain requests. */
export function standIn(core) {
  const { chat, loadPart, Timers, signal } = core;
  const timers = new Timers();
  let wasReady = false;
  let seen = null;
  let helped = null;

  function look() {
    const { talk } = chat;
    const isReady = talk?.link === "ready" && !talk.standIn;
    if (isReady || talk !== seen) {
      timers.clear();
      helped = null;
    }
    seen = talk;
    wasReady = wasReady || isReady;
    const isCut = talk && ["connecting", "waiting"].includes(talk.link);
    if (isCut && talk !== helped && !timers.isRunning("cut"))
      timers.start("cut", wasReady ? CUT_MS : NEVER_READY_MS, () => help(talk));
  }

  async function help(talk) {
    helped = talk;
    try {
      const part = await loadPart("polling");
      if (helped === talk && !signal.aborted) part.create(core, talk);
    } catch {
      helped = null;
      look();
    }
  }

  chat.addEventListener("change", look);
  signal.addEventListener("abort", () => timers.clear());
  look();
}
