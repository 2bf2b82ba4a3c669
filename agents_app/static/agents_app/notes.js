/** Sends private notes, which go by HTTP: each until the server has it, in order, under the id it was written with. */

// Everything else may be better in a while: the network, a server that is busy or starts again.
const FINAL = ["invalid", "conflict", "session_not_found", "too_large"];

export class Notes {
  #state;
  #api;
  #onChange;
  #isSending = false;

  constructor(state, { api, onChange }) {
    this.#state = state;
    this.#api = api;
    this.#onChange = onChange;
  }

  add(id, body, clientMessageId) {
    this.#state.queueNote(id, body, clientMessageId);
    this.send();
  }

  retry(id, clientMessageId) {
    this.#state.markNote(id, clientMessageId, null);
    this.send();
  }

  /** Sends what waits; also after a reconnect, when those that nobody answered have another chance. */
  async send({ isReconnected = false } = {}) {
    if (isReconnected) this.#retryLost();
    if (this.#isSending) return;
    this.#isSending = true;
    for (let next = this.#next(); next; next = this.#next()) {
      const [id, entry] = next;
      this.#onChange();
      try {
        this.#state.apply("note.new", { note: await this.#api.addNote(id, entry) });
      } catch ({ code, message }) {
        this.#state.markNote(id, entry.client_message_id, { code, message });
      }
    }
    this.#isSending = false;
    this.#onChange();
  }

  #next() {
    for (const [id, entries] of Object.entries(this.#state.noteOutboxes)) {
      const entry = entries.find(({ state }) => state === "sending");
      if (entry) return [id, entry];
    }
    return null;
  }

  #retryLost() {
    for (const [id, entries] of Object.entries(this.#state.noteOutboxes)) {
      for (const { client_message_id, state, error } of entries) {
        if (state === "failed" && !FINAL.includes(error?.code))
          this.#state.markNote(id, client_message_id, null);
      }
    }
  }
}
