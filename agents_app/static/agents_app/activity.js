/** Whether the agent has used this page: keys, pointer, coming back to it. That it is open says nothing. */

const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel", "focus"];

export class Activity {
  #isUsed = false;
  #onUse;

  /** `onUse` is called with the first use after each take(). */
  constructor({ onUse, window = globalThis.window }) {
    this.#onUse = onUse;
    for (const type of SIGNS) {
      window.addEventListener(type, (event) => this.#notice(event), { capture: true, passive: true });
    }
  }

  /** Whether it was used since the last time this was asked. */
  take() {
    const isUsed = this.#isUsed;
    this.#isUsed = false;
    return isUsed;
  }

  #notice(event) {
    // What moves under a resting pointer is the page, not the agent; a node's focus may be a script's doing.
    if (event.type === "pointermove" && !event.movementX && !event.movementY) return;
    if (event.type === "focus" && event.target !== event.currentTarget) return;
    if (this.#isUsed) return;
    this.#isUsed = true;
    this.#onUse();
  }
}
