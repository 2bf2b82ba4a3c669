/**
 * Which of this browser's tabs speaks of a piece of news: the first that claims it. A claim is remembered for
 * longer than tabs take to reconnect one after the other.
 */

const KEPT_MS = 60_000;

export class Claims {
  #storage;
  #key;
  #locks;
  #clock;

  /** `storage` answers the Storage or throws; `locks` are the browser's, which only https pages have. */
  constructor(storage, key, { locks = globalThis.navigator?.locks, clock = Date.now } = {}) {
    this.#storage = storage;
    this.#key = key;
    this.#locks = locks;
    this.#clock = clock;
  }

  /** Those of `news` ({kind, id, mark}) that no tab has claimed up to their mark; they are claimed now. */
  async take(news) {
    return this.#exclusively(() => {
      const claimed = this.#read();
      const ours = news.filter(({ kind, id, mark }) => !(claimed[`${kind} ${id}`]?.mark >= mark));
      for (const { kind, id, mark } of ours) claimed[`${kind} ${id}`] = { mark, at: this.#clock() };
      this.#write(claimed);
      return ours;
    });
  }

  async #exclusively(action) {
    try {
      return await this.#locks.request(this.#key, action);
    } catch {
      // Without locks two tabs may claim the same, in the same millisecond. Reading twice does no harm.
      return action();
    }
  }

  #read() {
    try {
      const claimed = Object.entries(JSON.parse(this.#storage().getItem(this.#key)));
      return Object.fromEntries(claimed.filter(([, { at }]) => Math.abs(this.#clock() - at) < KEPT_MS));
    } catch {
      return {};
    }
  }

  #write(claimed) {
    try {
      this.#storage().setItem(this.#key, JSON.stringify(claimed));
    } catch {
      // Without storage every tab speaks for itself.
    }
  }
}
