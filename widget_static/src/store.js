import { isObject, isUuid, uuid } from "./protocol.js";

const KEPT_MESSAGES = 50;

/**
 * One chat's messages in the order of their `seq`, and the texts that the server has not acknowledged yet.
 * Pure: whatever order, repetition or loss the network adds, the view of it is the same.
 */
export class MessageStore {
  constructor() {
    this._outbox = new Map();
    /** How far the other side has read. */
    this.readSeq = 0;
    this.clear();
  }

  /** Forgets the messages (their position is no longer known to the server), never the outbox. */
  clear() {
    this._messages = [];
    this._seqs = new Set();
    this._committed = new Set();
    this._before = 0;
    this._lastSeq = 0;
  }

  /** Takes one message; false if it was there already, or is no message. Also settles its outbox entry. */
  add(message) {
    if (!isMessage(message)) return false;
    this._outbox.delete(message.client_message_id);
    if (this._seqs.has(message.seq)) return false;
    this._seqs.add(message.seq);
    this._committed.add(message.client_message_id);
    let at = this._messages.length;
    while (at > 0 && this._messages[at - 1].seq > message.seq) at -= 1;
    this._messages.splice(at, 0, message);
    while (this._seqs.has(this._before)) this._before -= 1;
    while (this._seqs.has(this._lastSeq + 1)) this._lastSeq += 1;
    return true;
  }

  /** Ascending by seq; may have holes while messages are missing. */
  get messages() {
    return this._messages;
  }

  /** The highest seq up to which nothing is missing; 0 when there is nothing. */
  get lastSeq() {
    return this._lastSeq;
  }

  /** The seq after which the server has to be asked, or null when nothing is missing in between. */
  get hole() {
    const newest = this._messages[this._messages.length - 1];
    return newest && newest.seq > this._lastSeq ? this._lastSeq : null;
  }

  /** The seq before which older messages exist on the server, or null when the beginning is here. */
  get olderThan() {
    return this._before > 0 ? this._before + 1 : null;
  }

  /** Oldest first: {client_message_id, body, state: "sending"|"failed", error?, created_at}. */
  get outbox() {
    return [...this._outbox.values()];
  }

  /** Puts a text into the outbox; the same id again returns the entry that is there. */
  queue(body, clientMessageId = uuid()) {
    const known = this._outbox.get(clientMessageId);
    if (known) return known;
    const entry = {
      client_message_id: clientMessageId,
      body,
      state: "sending",
      created_at: new Date().toISOString(),
    };
    this._outbox.set(clientMessageId, entry);
    return entry;
  }

  /** `error` is {code, message}. An id that is not in the outbox (acknowledged meanwhile) changes nothing. */
  fail(clientMessageId, error) {
    return this._set(clientMessageId, { state: "failed", error });
  }

  /** Back to "sending", under the same id; returns the entry, or null when there is none. */
  retry(clientMessageId) {
    return this._set(clientMessageId, { state: "sending", error: undefined });
  }

  /** Takes over texts from elsewhere (storage, another tab) that are neither here nor among the messages. */
  adopt(outbox) {
    for (const entry of Array.isArray(outbox) ? outbox : []) {
      if (!isObject(entry) || !isUuid(entry.client_message_id) || typeof entry.body !== "string") continue;
      const { client_message_id: id, body, state, error, created_at } = entry;
      if (this._committed.has(id) || this._outbox.has(id)) continue;
      const queued = this.queue(body, id);
      if (!Number.isNaN(Date.parse(created_at))) queued.created_at = created_at;
      if (state === "failed") this.fail(id, isObject(error) ? error : {});
    }
  }

  _set(clientMessageId, change) {
    const entry = this._outbox.get(clientMessageId);
    return entry ? Object.assign(entry, change) : null;
  }

  /** What is worth keeping across a page load: the newest messages without a hole, and the whole outbox. */
  toJSON() {
    const whole = this._messages.filter((message) => message.seq <= this._lastSeq);
    return { messages: whole.slice(-KEPT_MESSAGES), outbox: this.outbox };
  }

  /** Reads toJSON()'s form. Anything malformed in it is left out: the server has the truth. */
  static from(json) {
    const store = new MessageStore();
    const { messages, outbox } = isObject(json) ? json : {};
    const kept = (Array.isArray(messages) ? messages : []).filter(isMessage).slice(-KEPT_MESSAGES);
    kept.sort((a, b) => a.seq - b.seq);
    if (kept.length && kept.every((message, i) => i === 0 || message.seq === kept[i - 1].seq + 1)) {
      store._before = store._lastSeq = kept[0].seq - 1;
      for (const message of kept) store.add(message);
    }
    store.adopt(outbox);
    return store;
  }
}

// Types that this version does not know are messages too: leaving them out would be a hole that never closes.
function isMessage(message) {
  return (
    isObject(message) &&
    Number.isSafeInteger(message.seq) &&
    message.seq > 0 &&
    typeof message.body === "string" &&
    typeof message.created_at === "string" &&
    typeof message.sender_type === "string" &&
    typeof message.message_type === "string"
  );
}
