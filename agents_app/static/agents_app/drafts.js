/**
 * What an agent has written and nobody has acknowledged, over a reload: drafts and outboxes of each chat.
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
    // Those that older pages did not keep.
    for (const name of ["notes", "begun", "noteOutboxes"]) this.#kept[name] ??= {};
    this.#kept.sent ??= [];
  }

  /** `kind` is "reply" or "note": what is meant for colleagues must never slip into what the visitor gets. */
  get(id, kind = "reply") {
    return this.#texts(kind)[id] ?? "";
  }

  /** `seq`: how far the transcript goes at this moment. */
  set(id, text, kind = "reply", seq = 0) {
    const texts = this.#texts(kind);
    if (kind === "reply" && !text !== !texts[id]) {
      if (text) this.#kept.begun[id] = seq;
      else delete this.#kept.begun[id];
    }
    if (text) texts[id] = text;
    else delete texts[id];
    this.#save();
  }

  /** How far the transcript went when the reply was begun, or last compared with what has come since. */
  begunAt(id) {
    return this.#kept.begun[id] ?? Infinity;
  }

  /** The agent has seen what has come since. */
  compared(id, seq) {
    if (!(id in this.#kept.begun)) return;
    this.#kept.begun[id] = seq;
    this.#save();
  }

  /** `{session_id: [{client_message_id, body, …}]}` */
  get outboxes() {
    return this.#kept.outboxes;
  }

  set outboxes(outboxes) {
    this.#keep("outboxes", outboxes);
  }

  /** The same for notes. */
  get noteOutboxes() {
    return this.#kept.noteOutboxes;
  }

  set noteOutboxes(outboxes) {
    this.#keep("noteOutboxes", outboxes);
  }

  /** The client ids of what was sent from this tab last. */
  get sent() {
    return this.#kept.sent;
  }

  set sent(ids) {
    this.#keep("sent", ids);
  }

  #texts(kind) {
    return kind === "note" ? this.#kept.notes : this.#kept.drafts;
  }

  #keep(name, values) {
    const kept = JSON.stringify(values);
    if (kept === JSON.stringify(this.#kept[name])) return;
    // A copy: the entries go on changing where they come from.
    this.#kept[name] = JSON.parse(kept);
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
