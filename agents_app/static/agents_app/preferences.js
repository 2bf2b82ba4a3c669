/** How an agent wants to be told, and whether single keys do something: for all tabs of this browser. */

export class Preferences extends EventTarget {
  #storage;
  #key;
  #off = new Set();

  /**
   * `storage` answers the Storage or throws, as a browser with storage switched off does; `window` tells what
   * other tabs write. Event: `change`.
   */
  constructor(storage, agentId, window = globalThis.window) {
    super();
    this.#storage = storage;
    this.#key = `chat-center:${agentId}:off`;
    this.#read();
    window?.addEventListener("storage", ({ key }) => {
      // A null key: everything was cleared.
      if (key === this.#key || key === null) this.#read();
    });
  }

  /** `name` is `keys`, or `way:kind` as in `sound:queue`. Everything is on until it is switched off. */
  isOn(name) {
    return !this.#off.has(name);
  }

  set(name, isOn) {
    if (isOn) this.#off.delete(name);
    else this.#off.add(name);
    try {
      this.#storage().setItem(this.#key, JSON.stringify([...this.#off]));
    } catch {
      // Then it holds for as long as this page is open.
    }
    this.dispatchEvent(new Event("change"));
  }

  #read() {
    try {
      const off = JSON.parse(this.#storage().getItem(this.#key));
      this.#off = new Set(Array.isArray(off) ? off : []);
    } catch {
      // No storage, or nonsense in it: what holds now goes on.
    }
    this.dispatchEvent(new Event("change"));
  }
}
