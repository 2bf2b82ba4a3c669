import { Delivery } from "./delivery.js";
import { Emitter } from "./emitter.js";
import { CLOSE, FRAME, isObject } from "./protocol.js";
import { Timers } from "./timers.js";

const RESEND_AFTER_MS = 2000;
const TEMPORARY_ERRORS = ["rate_limited", "busy", "unavailable"];

/**
 * One session's conversation over its socket: what is said, who answers, what waits to be sent.
 *
 * `link`: the connection's state, where a row of vain tries is one "waiting". `trouble`: null, "unavailable"
 * (the server will not have us) or "replaced" (too many tabs). Emits "ready" ({policy, lastSeq, isRestored}),
 * "message" (a new one, live), "frame" (each that comes: {type, payload}), "activity" (something to be kept),
 * "change" (something that is shown), and at most one "over" ({outcome, told}).
 */
export class Talk extends Emitter {
  /** `session` has id and key, `store` is its MessageStore, `makeConnection(options)` gives a Connection. */
  constructor({ session, store, page, tabId, isRestoring, settings, makeConnection }) {
    super();
    this.link = "idle";
    this.trouble = null;
    /** The session as the server tells of it: agent_name, queue_position … */
    this.facts = {};
    this.wantsOlder = false;
    /** Carries the frames while no socket does: {send(type, payload) -> boolean}, or null. */
    this.standIn = null;
    this._session = session;
    this._store = store;
    this._page = page;
    this._tabId = tabId;
    this._isRestoring = isRestoring;
    this._settings = settings;
    this._timers = new Timers();
    this._connection = makeConnection({
      sessionId: session.session_id,
      hello: () => this._hello(),
      ping: () => this._ping(),
    });
    this._delivery = new Delivery(store, (type, payload) => this.send(type, payload));
    this._isOver = false;
    const listen = (name, handle) =>
      this._connection.addEventListener(name, ({ detail }) => this._isOver || handle(detail));
    listen("state", ({ state }) => this._onState(state));
    listen("frame", ({ type, payload }) => this.receive(type, payload));
    listen("stopped", ({ code }) => this._onStopped(code));
  }

  open() {
    this.trouble = null;
    this._connection.open();
  }

  /** For good: nothing is emitted any more. */
  close() {
    if (this._isOver) return;
    this._isOver = true;
    if (this.link === "ready") this._settings.log("🔌 WebSocket disconnected");
    this._timers.clear();
    this._connection.close();
  }

  /** Ends a wait for the next try. */
  reconnectNow() {
    this._connection.reconnectNow();
  }

  /** Sends and asks what can be sent and asked now. */
  pump() {
    this._delivery.pump({ wantsOlder: this.wantsOlder });
  }

  /** Sends a frame that may be lost; false when there is no connection to take it. */
  send(type, payload) {
    return (this.standIn ?? this._connection).send(type, payload);
  }

  /** A frame from the server, whichever way it came. */
  receive(type, payload) {
    HANDLERS.get(type)?.(this, payload);
    this._emit("frame", { type, payload });
    this._emit("change");
  }

  _hello() {
    return {
      session_key: this._session.session_key,
      after_seq: this._store.lastSeq,
      restored: this._isRestoring,
      tab_id: this._tabId,
      page: this._page.location(),
      visible: this._page.isVisible(),
    };
  }

  _ping() {
    const active = this._page.wasUsed();
    const visible = this._page.isVisible();
    // Not while the page is left: what somebody else wrote into storage last must stand for the next one.
    if (active && visible) this._emit("activity");
    this._settings.log("💓 Heartbeat sent");
    return { visible, active, last_seq: this._store.lastSeq };
  }

  _onState(state) {
    if (state === "ready") this.standIn = null;
    if (this.standIn) return;
    if (state === "ready") this._settings.log("🔌 WebSocket connected");
    else if (this.link === "ready") this._settings.log("🔌 WebSocket disconnected");
    if (state !== "connecting" || this.link !== "waiting") this.link = state;
    this._emit("change");
  }

  _onStopped(code) {
    if (code === CLOSE.replaced) this.trouble = "replaced";
    else if (code === CLOSE.forbidden) this.trouble = "unavailable";
    else if (code === CLOSE.unauthorized) this._end("not_found", { reason: "not_found" });
    else this._end("ended", {});
    this._emit("change");
  }

  _onReady({ session, messages, last_seq, resume, policy }) {
    if (!isObject(session)) return;
    if (resume === "resync") this._store.clear();
    this.facts = { ...session };
    this._store.readSeq = session.agent_read_seq;
    this._connection.heartbeatInterval = this._settings.heartbeatInterval(policy);
    this._delivery.restart();
    this._emit("ready", { policy, lastSeq: last_seq, isRestored: this._isRestoring });
    this._isRestoring = false;
    this._onMessages(messages, last_seq);
  }

  _onPong({ last_seq, status }) {
    if (status === "ended" || status === "abandoned") return this._end(status, { status });
    // What has not been answered by now was lost on the way.
    this._delivery.restart();
    return this._onMessages([], last_seq);
  }

  _onNews({ message }) {
    const [added] = this._onMessages([message]);
    if (added) this._emit("message", added);
  }

  _onMessages(messages, lastSeq) {
    const added = (Array.isArray(messages) ? messages : []).filter((message) => this._store.add(message));
    if (added.length) this._emit("activity");
    this._delivery.expect(lastSeq);
    this.pump();
    return added;
  }

  _onError({ code, message, client_message_id: id, retry_after_ms, status, reason, text }) {
    if (code === "session_over") {
      this._end(status === "abandoned" ? "abandoned" : "ended", { status, reason, text });
    } else if (TEMPORARY_ERRORS.includes(code)) {
      this._timers.start("resend", Number.isFinite(retry_after_ms) ? retry_after_ms : RESEND_AFTER_MS, () => {
        this._delivery.restart();
        this.pump();
      });
    } else if (id) {
      this._delivery.release(id);
      this._store.fail(id, { code, message });
      this._emit("activity");
      this.pump();
    }
  }

  _end(outcome, told) {
    this.close();
    this._emit("over", { outcome, told });
  }
}

const HANDLERS = new Map([
  [FRAME.ready, (talk, payload) => talk._onReady(payload)],
  [FRAME.pong, (talk, payload) => talk._onPong(payload)],
  [FRAME.ack, (talk, payload) => talk._onNews(payload)],
  [FRAME.message, (talk, payload) => talk._onNews(payload)],
  [FRAME.history, (talk, { messages, last_seq }) => talk._onMessages(messages, last_seq)],
  [FRAME.assigned, (talk, payload) => Object.assign(talk.facts, payload, { queue_position: null })],
  [FRAME.unassigned, (talk) => (talk.facts.agent_name = null)],
  [FRAME.queue, (talk, { position }) => (talk.facts.queue_position = position)],
  [FRAME.read, (talk, { by, seq }) => by === "agent" && (talk._store.readSeq = seq)],
  [FRAME.ended, (talk, payload) => talk._end(payload.status, payload)],
  [FRAME.error, (talk, payload) => talk._onError(payload)],
]);
