import { addToHeader, name } from "./tools.js";

const MUTED = "cc_chat_muted";
const BELL = "M6 16.5V11a6 6 0 1 1 12 0v5.5l1.5 1.5h-15ZM10 20.5h4";
const SILENT_BELL = `${BELL}M4 4l16 16`;
const GESTURES = ["click", "keydown", "touchend"];
const CLAIMED_MS = 3000;
const HIDDEN_WAITS_MS = 200;
const TOO_LATE_MS = 2000;

/** A sound for what an agent writes and nobody sees coming; in one tab, and only if the visitor has not muted it. */
export function addSound(core) {
  const { chat, panel, element, texts, signal } = core;
  const mute = new Mute();
  const chime = new Chime(signal, mute);
  const button = element("button", { type: "button", class: "tool", onclick: () => mute.toggle() });

  function show() {
    name(button, texts.get(mute.isOn ? "soundOn" : "soundOff"));
    button.replaceChildren(core.icon(mute.isOn ? SILENT_BELL : BELL));
  }

  async function onMessage({ session_id, seq, sender_type }) {
    if (sender_type !== "agent" || mute.isOn) return;
    const isSeen = chat.unread === 0;
    const cameAt = Date.now();
    // The tab in which it is seen is asked first.
    if (document.hidden) await new Promise((resolve) => setTimeout(resolve, HIDDEN_WAITS_MS));
    if (!(isSeen || chime.isReady) || Date.now() - cameAt > TOO_LATE_MS) return;
    const isOurs = await claim(`cc_chat_sound:${session_id}:${seq}`);
    if (isOurs && !isSeen) chime.ring();
  }

  addToHeader(panel, button);
  mute.onChange = show;
  chat.addEventListener("change", show);
  chat.addEventListener("message", ({ detail }) => onMessage(detail));
  window.addEventListener("storage", ({ key }) => key === MUTED && mute.read(), { signal });
  show();
}

// Whether no other tab has claimed it; on http pages, where there are no locks, each tab is for itself.
async function claim(key) {
  if (!navigator.locks) return true;
  return new Promise((resolve) => {
    const hold = (lock) => {
      resolve(lock !== null);
      return lock && new Promise((release) => setTimeout(release, CLAIMED_MS));
    };
    navigator.locks.request(key, { ifAvailable: true }, hold).catch(() => resolve(true));
  });
}

/** Remembered for the whole website, and known to all its tabs. */
class Mute {
  constructor() {
    this.onChange = () => {};
    this.isOn = false;
    this.read();
  }

  read() {
    try {
      this.isOn = localStorage.getItem(MUTED) !== null;
    } catch {
      // Then it lasts as long as the page.
    }
    this.onChange();
  }

  toggle() {
    this.isOn = !this.isOn;
    try {
      if (this.isOn) localStorage.setItem(MUTED, "1");
      else localStorage.removeItem(MUTED);
    } catch {
      // As above.
    }
    this.onChange();
  }
}

/** Two short tones. Browsers let a page sound from the visitor's first click or key on. */
class Chime {
  constructor(signal, mute) {
    this._context = null;
    this.isReady = false;
    const unlock = () => this._unlock(mute);
    this._forget = () => GESTURES.forEach((type) => window.removeEventListener(type, unlock, true));
    for (const type of GESTURES)
      window.addEventListener(type, unlock, { capture: true, passive: true, signal });
    signal.addEventListener("abort", () => this._context?.close());
  }

  async _unlock(mute) {
    if (mute.isOn || this.isReady) return;
    try {
      this._context = this._context ?? new AudioContext();
      await this._context.resume();
      this.isReady = true;
      this._forget();
      // A running one keeps the sound device awake.
      await this._context.suspend();
    } catch {
      // No sound here, or not by this gesture.
    }
  }

  async ring() {
    const context = this._context;
    try {
      await context.resume();
      this._tone(880, context.currentTime);
      const last = this._tone(1175, context.currentTime + 0.12);
      last.onended = () => context.suspend();
    } catch {
      // The browser has closed it: silence.
    }
  }

  _tone(frequency, at) {
    const context = this._context;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.12, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.32);
    return tone;
  }
}
