import { Timers } from "./timers.js";

const TOLD_EVERY_MS = 3000;
const STOPS_AFTER_MS = 5000;

/** Tells the other side that somebody is writing: now and then while it lasts, and once when it is over. */
export class TypingNotice {
  /** `tell(isTyping)` sends it. */
  constructor(tell) {
    this._tell = tell;
    this._timers = new Timers();
    this._isTold = false;
  }

  /** To be called with each change of the text; `isTyping` is false when it was emptied. */
  changed(isTyping) {
    if (!isTyping) return this._stop();
    this._timers.start("stop", STOPS_AFTER_MS, () => this._stop());
    if (this._timers.isRunning("told")) return;
    this._timers.start("told", TOLD_EVERY_MS, () => {});
    this._isTold = true;
    this._tell(true);
  }

  /** The text was sent: its arrival says that the writing is over. */
  reset() {
    this._timers.clear();
    this._isTold = false;
  }

  _stop() {
    if (this._isTold) this._tell(false);
    this.reset();
  }
}
