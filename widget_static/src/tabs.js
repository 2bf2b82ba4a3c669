const ARRIVES_AFTER_MS = 200;

/**
 * The other tabs of this browser, for one tenant on one website. What they share is the storage; a tab that
 * misses a change of it hears the same from the server.
 */
export class Tabs {
  /** `onStorage(key)` is called for storage written by other tabs. */
  constructor({ name, onStorage, window = globalThis.window, locks = globalThis.navigator?.locks }) {
    this._name = name;
    this._locks = locks;
    this._window = window;
    this._onStorage = (event) => onStorage(event.key);
    window.addEventListener("storage", this._onStorage);
  }

  /**
   * Runs `action` while no other tab runs its own, where the browser has locks (https pages). The next one's turn comes a
   * moment later: what this one has stored gets to its process by itself, and may be slower than the lock.
   */
  async exclusively(action) {
    let started = false;
    try {
      await this._locks.request(this._name, async () => {
        started = true;
        await action();
        await new Promise((resolve) => setTimeout(resolve, ARRIVES_AFTER_MS));
      });
    } catch (error) {
      // There are no locks, or they are denied.
      if (started) throw error;
      return action();
    }
  }

  close() {
    this._window.removeEventListener("storage", this._onStorage);
  }
}
