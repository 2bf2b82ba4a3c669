import { isObject } from "./protocol.js";

/**
 * What the tabs of one browser tell each other, for one tenant on one website.
 * Only hints: a tab that misses them hears the same from the server.
 */
export class Tabs {
  /** `onHint({type, …})` is called for what other tabs post; `onStorage(key)` for storage written by them. */
  constructor({ name, onHint, onStorage, window = globalThis.window, locks = globalThis.navigator?.locks }) {
    this._name = name;
    this._locks = locks;
    this._window = window;
    this._onStorage = (event) => onStorage(event.key);
    window.addEventListener("storage", this._onStorage);
    try {
      this._channel = new window.BroadcastChannel(name);
      this._channel.onmessage = ({ data }) => isObject(data) && onHint(data);
    } catch {
      this._channel = null;
    }
  }

  post(hint) {
    try {
      this._channel?.postMessage(hint);
    } catch {
      // The channel was closed by the browser: storage events and the server remain.
    }
  }

  /** Runs `action` while no other tab runs its own, where the browser has locks (https pages). */
  async exclusively(action) {
    if (!this._locks) return action();
    let started = false;
    try {
      return await this._locks.request(this._name, () => {
        started = true;
        return action();
      });
    } catch (error) {
      if (started) throw error;
      return action();
    }
  }

  close() {
    this._window.removeEventListener("storage", this._onStorage);
    this._channel?.close();
  }
}
