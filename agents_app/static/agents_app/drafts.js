/**
 * What an agent has written and nobody has acknowledged, over a reload: draft and outbox of each chat.
 * Kept in this tab only and for each agent apart: nobody sends what a colleague wrote on the same machine.
 */
export class Drafts {
  #storage;
  #key;
  #kept = { drafts: {}, outboxes: {} };

  /** `storage` answers the Storage or throws, as a browser with storage switched off does. */
  constructor(storage, agentId) {
    this.#key = `chat-center:${agentId}`;
    try {
      this.#storage = storage();
      const kept = JSON.parse(this.#storage.getItem(this.#key));
      if (kept?.drafts && kept.outboxes) this.#kept = kept;
    } catch {
      // No storage, or nonsense in it: what is written from now on is kept as well as can be.
    }
  }

  get(id) {
    return this.#kept.drafts[id] ?? "";
  }

  set(id, text) {
    if (text) this.#kept.drafts[id] = text;
    else delete this.#kept.drafts[id];
    this.#save();
  }

  /** `{session_id: [{client_message_id, body, …}]}` */
  get outboxes() {
    return this.#kept.outboxes;
  }

  set outboxes(outboxes) {
    if (JSON.stringify(outboxes) === JSON.stringify(this.#kept.outboxes)) return;
    this.#kept.outboxes = outboxes;
    this.#save();
  }

  #save() {
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(this.#kept));
    } catch {
      // A full storage costs the copy that survives a reload, not the text on the screen.
    }
  }
}
