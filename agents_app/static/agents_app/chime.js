/** Short tones, a little melody for each kind of news, made by the browser: no file, nothing to load. */

import { KINDS } from "./attention.js";

const NOTES = { assignment: [659, 880, 1109], message: [880, 1175], queue: [587, 784] };
const NOTE_SECONDS = 0.13;
const VOLUME = 0.15;
// What comes in bursts rings once.
const QUIET_MS = 2000;
const GESTURES = ["click", "keydown", "touchend"];

export class Chime {
  #context = null;
  #playing = 0;
  #rang = { kind: null, at: -Infinity };
  /** Whether this page may sound: browsers allow it from the first key or click on. */
  isReady = false;

  constructor({ window = globalThis.window } = {}) {
    for (const type of GESTURES) {
      window.addEventListener(type, () => this.#unlock(), { capture: true, passive: true });
    }
  }

  /** Rings for `kind`, unless it has rung just now for one as urgent. */
  ring(kind) {
    const at = performance.now();
    const isQuiet = at - this.#rang.at < QUIET_MS;
    if (isQuiet && KINDS.indexOf(kind) >= KINDS.indexOf(this.#rang.kind)) return;
    this.#rang = { kind, at };
    this.play(kind);
  }

  async play(kind) {
    if (!this.isReady) return;
    this.#playing += 1;
    await this.#context.resume();
    const { currentTime } = this.#context;
    const tones = NOTES[kind].map((frequency, index) =>
      this.#tone(frequency, currentTime + index * NOTE_SECONDS),
    );
    tones.at(-1).onended = () => {
      this.#playing -= 1;
      this.#rest();
    };
  }

  async #unlock() {
    if (this.isReady) return;
    try {
      this.#context ??= new AudioContext();
      await this.#context.resume();
      this.isReady = true;
      this.#rest();
    } catch {
      // This browser has no sound to give; title, icon and notifications remain.
    }
  }

  /** A running context keeps the sound device awake. */
  #rest() {
    if (this.#playing === 0) this.#context.suspend();
  }

  #tone(frequency, at) {
    const oscillator = this.#context.createOscillator();
    const volume = this.#context.createGain();
    const end = at + 2 * NOTE_SECONDS;
    oscillator.frequency.value = frequency;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(VOLUME, at + 0.02);
    volume.gain.linearRampToValueAtTime(0, end);
    oscillator.connect(volume).connect(this.#context.destination);
    oscillator.start(at);
    oscillator.stop(end);
    return oscillator;
  }
}
