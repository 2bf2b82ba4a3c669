import { addToHeader, makeTool } from "./tools.js";

const MUTED = "cc_chat_muted";
const BELL = "M6 16.5V11a6 6 0 1 1 12 0v5.5l1.5 1.5h-15ZM10 20.5h4";
const SILENT_BELL = `${BELL}M4 4l16 16`;
const GESTURES = ["click", "keydown", "touchend"];

/**
 * Makes ready what the part for unread messages rings with: `core.sound` is {isMuted, isReady, context}. Muted it is
 * for the whole website, and in all its tabs.
 */
export function addBell(core) {
  const { icon, signal } = core;
  const sound = (core.sound = { isMuted: false, isReady: false, context: null });
  const button = makeTool(core, "", BELL, () => (sound.isMuted ? "soundOn" : "soundOff"), toggle);

  function set(isMuted) {
    sound.isMuted = isMuted;
    button.replaceChildren(icon(isMuted ? SILENT_BELL : BELL));
    core.changed();
  }

  function toggle() {
    set(!sound.isMuted);
    try {
      if (sound.isMuted) localStorage.setItem(MUTED, "1");
      else localStorage.removeItem(MUTED);
    } catch {
      // Then it lasts as long as the page.
    }
  }

  function read() {
    try {
      set(localStorage.getItem(MUTED) !== null);
    } catch {
      // As above.
    }
  }

  // Browsers let a page sound from the visitor's first click or key on.
  async function unlock() {
    if (sound.isMuted || sound.isReady) return;
    try {
      sound.context = sound.context ?? new AudioContext();
      await sound.context.resume();
      sound.isReady = true;
      // A running one keeps the sound device awake.
      await sound.context.suspend();
    } catch {
      // No sound here, or not by this gesture.
    }
  }

  addToHeader(core, button);
  for (const type of GESTURES) window.addEventListener(type, unlock, { capture: true, passive: true, signal });
  window.addEventListener("storage", ({ key }) => key === MUTED && read(), { signal });
  signal.addEventListener("abort", () => sound.context?.close());
  read();
}
