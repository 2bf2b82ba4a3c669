import { FRAME } from "./protocol.js";

const HISTORY_PAGE = 100;

/** Brings a store and the server to the same state: sends its outbox, asks for what is missing in it. */
export class Delivery {
  /** `send(type, payload) -> boolean` is false while there is no connection. */
  constructor(store, send) {
    this._store = store;
    this._send = send;
    this._knownLast = 0;
    this.restart();
  }

  /** Whatever was on its way may be lost: it is asked and sent again with the next pump(). */
  restart() {
    this._inFlight = null;
    this._asked = null;
  }

  /** The server has messages up to `lastSeq`. */
  expect(lastSeq) {
    if (Number.isSafeInteger(lastSeq)) this._knownLast = Math.max(this._knownLast, lastSeq);
  }

  /** The server will not have this text, or not now; the next one has its turn. */
  release(clientMessageId) {
    if (this._inFlight === clientMessageId) this._inFlight = null;
  }

  /** Sends and asks what can be now; messages before the stored ones are asked for only on `wantsOlder`. */
  pump({ wantsOlder }) {
    this._ask(wantsOlder);
    this._sendNext();
  }

  _ask(wantsOlder) {
    const { hole, lastSeq, olderThan } = this._store;
    const after = hole ?? (this._knownLast > lastSeq ? lastSeq : null);
    const before = wantsOlder ? olderThan : null;
    if (after === null && before === null) return;
    const range = after === null ? { before_seq: before } : { after_seq: after };
    // A page that brought nothing new is not asked for in a loop, but once a heartbeat.
    const asked = JSON.stringify(range);
    if (asked === this._asked) return;
    if (this._send(FRAME.history, { ...range, limit: HISTORY_PAGE })) this._asked = asked;
  }

  // One at a time: a text that the server puts off must not be overtaken by the next one.
  _sendNext() {
    const waiting = this._store.outbox.filter(({ state }) => state === "sending");
    if (waiting.length === 0 || waiting.some((entry) => entry.client_message_id === this._inFlight)) return;
    const [{ client_message_id, body }] = waiting;
    if (this._send(FRAME.send, { client_message_id, body })) this._inFlight = client_message_id;
  }
}
