/**
 * Which of this browser's tabs speaks of a piece of news: the first that claims it. A claim is remembered for
 * longer than tabs take to reconnect one after the other.
 *
 * It is a lock that its tab holds so long, since what one tab writes into the storage another may read a moment too
 * late. The storage serves pages without locks.
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

  /** Of all pages of an agent's in this browser. */
  static ofAgent(storage, agentId) {
    return new Claims(storage, `chat-center:${agentId}:told`);
  }

  /** Those of `news` ({kind, id, mark}) that no tab has claimed up to their mark; they are claimed now. */
  async take(news) {
    return this.#exclusively(async () => {
      const stored = this.#read();
      const held = await this.#held();
      const isClaimed = ({ kind, id, mark }) => {
        const name = `${kind} ${id}`;
        return stored[name]?.mark >= mark || held.some((claim) => claim.name === name && claim.mark >= mark);
      };
      const ours = news.filter((one) => !isClaimed(one));
      for (const { kind, id, mark } of ours) stored[`${kind} ${id}`] = { mark, at: this.#clock() };
      this.#write(stored);
      await Promise.all(ours.map((one) => this.#hold(one)));
      return ours;
    });
  }

  async #exclusively(action) {
    try {
      if (this.#locks) return await this.#locks.request(this.#key, {}, action);
    } catch {
      // A page that may have no locks has none from now on.
      this.#locks = null;
    }
    return action();
  }

  /** `[{name, mark}]` of the claims that tabs hold. */
  async #held() {
    const { held = [] } = (await this.#locks?.query()) ?? {};
    const ours = held.filter(({ name }) => name.startsWith(`${this.#key} `));
    return ours.map(({ name }) => {
      const [kind, id, mark] = name.slice(this.#key.length + 1).split(" ");
      return { name: `${kind} ${id}`, mark: Number(mark) };
    });
  }

  /** Answers once the lock is had. */
  #hold({ kind, id, mark }) {
    return new Promise((had) => {
      const keep = () => {
        had();
        return new Promise((over) => setTimeout(over, KEPT_MS));
      };
      if (this.#locks) this.#locks.request(`${this.#key} ${kind} ${id} ${mark}`, { mode: "shared" }, keep);
      else had();
    });
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
      // Without storage, and without locks, every tab speaks for itself.
    }
  }
}
