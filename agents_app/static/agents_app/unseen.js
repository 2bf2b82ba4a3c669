/**
 * Which chats have news of one kind that this agent has not seen, such as a colleague's note: of each chat, the time
 * of the newest that was heard of, and of the newest that was seen. Kept for all of the agent's tabs, over a reload.
 */

const KEPT = 100;

export class Unseen {
  #storage;
  #key;
  // {session_id: {heard, seen}}: ISO times. Its copy where the browser stores nothing.
  #chats = {};

  /**
   * `storage` answers the Storage or throws, as a browser with none does; without it nothing is kept. `kind` names
   * the news, and its item in the storage.
   */
  constructor(storage, agentId, kind) {
    this.#storage = storage;
    this.#key = `chat-center:${agentId}:${kind}`;
    this.read();
  }

  /** To be called, too, when another tab has written. */
  read() {
    try {
      const kept = Object.entries(JSON.parse(this.#storage().getItem(this.#key)));
      for (const [id, times] of kept) this.#take(id, times);
    } catch {
      // No storage, nothing in it yet, or nonsense: this tab knows what it knows.
    }
  }

  has(id) {
    const { heard, seen } = this.#chats[id] ?? {};
    return isLater(heard, seen);
  }

  /** News, of the time `at`, have come. */
  heard(id, at) {
    this.#change(id, { heard: at });
  }

  /** The agent looks at the chat, whose newest are of the time `at`; without it: all that are known of. */
  saw(id, at = this.#chats[id]?.heard) {
    if (isLater(at, this.#chats[id]?.seen)) this.#change(id, { seen: at });
  }

  #change(id, times) {
    // Tabs write in turns: each adds to what the others have written.
    this.read();
    if (this.#take(id, times)) this.#write();
  }

  /** Times go forward only; whether any did. */
  #take(id, times) {
    const known = this.#chats[id] ?? {};
    const later = Object.entries(times).filter(([name, at]) => isLater(at, known[name]));
    if (later.length) this.#chats[id] = { ...known, ...Object.fromEntries(later) };
    return later.length > 0;
  }

  #write() {
    const newest = ({ heard, seen }) => Math.max(Date.parse(heard) || 0, Date.parse(seen) || 0);
    const chats = Object.entries(this.#chats).sort(([, a], [, b]) => newest(b) - newest(a));
    this.#chats = Object.fromEntries(chats.slice(0, KEPT));
    try {
      this.#storage().setItem(this.#key, JSON.stringify(this.#chats));
    } catch {
      // A full storage costs the memory over a reload, not the mark on the screen.
    }
  }
}

/** The kinds of news that there are, by the names under which ConsoleState takes them. */
export function unseenNews(storage, agentId) {
  return {
    unseenNotes: new Unseen(storage, agentId, "notes"),
    arrivals: new Unseen(storage, agentId, "arrivals"),
  };
}

/** Of two times in the server's form, to the microsecond, which Date does not tell apart. */
function isLater(at, than) {
  if (!at || !than) return Boolean(at);
  const ahead = Date.parse(at) - Date.parse(than);
  return ahead === 0 ? at > than : ahead > 0;
}
