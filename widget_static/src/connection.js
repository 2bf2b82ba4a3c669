import { Emitter } from "./emitter.js";
import { CLOSE, FINAL_CLOSE_CODES, FRAME, isObject } from "./protocol.js";
import { Timers } from "./timers.js";

const BACKOFF_BASE_MS = 1000;
const BACKOFF_CAP_MS = 30_000;
const STABLE_AFTER_MS = 10_000;
const READY_TIMEOUT_MS = 10_000;
const PONG_TIMEOUT_MS = 10_000;
const LONGEST_WAIT_MS = 300_000;

/** Milliseconds to wait before try number `attempt` (0, 1, 2 …): exponential, with full jitter. */
export function backoff(attempt, random = Math.random) {
  return Math.round(random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** attempt));
}

/**
 * One socket that stays connected: hello, heartbeat, and reconnects with exponential backoff and full jitter.
 *
 * States: "idle" -> "connecting" -> "ready"; "waiting" for the next try; "closed" by close() or for good.
 * Events (CustomEvent, data in `detail`):
 *   state   {state, retryInMs}  retryInMs is null unless waiting for a timer
 *   frame   {type, payload}     every frame, the ready frame and pongs included
 *   stopped {code, reason}      closed by the server with a code after which it does not try again
 */
export class Connection extends Emitter {
  /**
   * `hello` and `ping` make the payloads of those frames; `ready` is the frame type that answers hello.
   * `heartbeatInterval` is in milliseconds. `window` and `document` are listened to where they exist.
   */
  constructor({
    url,
    hello,
    ready,
    ping,
    heartbeatInterval,
    WebSocket = globalThis.WebSocket,
    random = Math.random,
    window = globalThis.window,
    document = globalThis.document,
  }) {
    super();
    this.state = "idle";
    this._url = url;
    this._hello = hello;
    this._readyType = ready;
    this._pingPayload = ping;
    this._interval = heartbeatInterval;
    this._WebSocket = WebSocket;
    this._random = random;
    this._document = document;
    this._socket = null;
    this._attempt = 0;
    this._retryAfter = 0;
    this._restartAfter = 0;
    this._timers = new Timers();
    this._listeners = [
      [window, "online", () => this._nudge()],
      [window, "offline", () => this._ping()],
      [window, "pagehide", () => this._suspend()],
      [window, "pageshow", () => this.reconnectNow()],
      [
        document,
        "visibilitychange",
        () => (document.visibilityState === "hidden" ? this._ping() : this._nudge()),
      ],
    ].filter(([target]) => target);
  }

  get heartbeatInterval() {
    return this._interval;
  }

  set heartbeatInterval(ms) {
    if (ms === this._interval) return;
    this._interval = ms;
    if (this.state === "ready") this._beat();
  }

  open() {
    if (this.state !== "idle" && this.state !== "closed") return;
    this._attempt = 0;
    this._retryAfter = this._restartAfter = 0;
    for (const [target, type, listener] of this._listeners) target.addEventListener(type, listener);
    this._connect();
  }

  close() {
    if (this.state === "closed") return;
    this._drop();
    this._stop();
  }

  /** Sends a frame; false when there is no ready socket to take it. */
  send(type, payload = {}) {
    return this.state === "ready" && this._write(type, payload);
  }

  /** Ends a wait between two tries; does nothing in any other state. */
  reconnectNow() {
    if (this.state === "waiting") this._connect();
  }

  // A page that was asleep or offline may hold a socket that died without a word: ask at once.
  _nudge() {
    this.reconnectNow();
    this._ping();
  }

  _connect() {
    this._timers.clear();
    this._setState("connecting");
    let socket;
    try {
      socket = new this._WebSocket(this._url);
    } catch {
      // The page's CSP, or a browser that forbids sockets here: it may be lifted by the next try.
      this._wait();
      return;
    }
    this._socket = socket;
    // Events of a socket that was replaced may come late (after the back/forward cache they always do).
    const current = (handle) => (event) => this._socket === socket && handle(event);
    socket.onopen = current(() => this._write(FRAME.hello, this._hello()));
    socket.onmessage = current((event) => this._receive(event.data));
    socket.onclose = current((event) => this._closed(event));
    // Longer with each try, or a server that takes longer for its answer would be asked anew for ever.
    this._timers.start("ready", READY_TIMEOUT_MS * 2 ** Math.min(this._attempt, 2), () => this._reconnect());
  }

  _receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (!isObject(frame) || typeof frame.type !== "string") return;
    const { type } = frame;
    const payload = isObject(frame.payload) ? frame.payload : {};
    if (type === this._readyType && this.state === "connecting") this._becomeReady();
    else if (type === FRAME.pong) this._timers.cancel("pong");
    else if (type === FRAME.restart) this._restartAfter = milliseconds(payload.retry_after_ms);
    else if (type === FRAME.error) this._retryAfter = milliseconds(payload.retry_after_ms);
    this._emit("frame", { type, payload });
  }

  _becomeReady() {
    this._timers.cancel("ready");
    this._retryAfter = this._restartAfter = 0;
    this._timers.start("stable", STABLE_AFTER_MS, () => (this._attempt = 0));
    this._beat();
    this._setState("ready");
  }

  _beat() {
    this._timers.start("beat", this._interval, () => {
      this._ping();
      if (this.state === "ready") this._beat();
    });
  }

  _ping() {
    if (!this.send(FRAME.ping, this._pingPayload())) return;
    if (!this._timers.isRunning("pong")) this._timers.start("pong", PONG_TIMEOUT_MS, () => this._reconnect());
  }

  _closed({ code, reason }) {
    this._socket = null;
    if (FINAL_CLOSE_CODES.includes(code)) {
      this._stop();
      this._emit("stopped", { code, reason });
    } else {
      this._wait(code === CLOSE.tooFast ? this._retryAfter : this._restartAfter);
    }
  }

  // Does not wait for the old socket's close event: on a dead network that takes minutes.
  _reconnect() {
    this._drop();
    this._wait();
  }

  _suspend() {
    // An open socket keeps a page out of the back/forward cache, or dies in it.
    if (this.state === "closed" || this.state === "idle") return;
    this._drop();
    this._timers.clear();
    this._setState("waiting");
  }

  _wait(atLeast = 0) {
    this._timers.clear();
    const delay = atLeast + backoff(this._attempt, this._random);
    this._attempt += 1;
    this._timers.start("retry", delay, () => this._connect());
    this._setState("waiting", delay);
  }

  _stop() {
    this._timers.clear();
    for (const [target, type, listener] of this._listeners) target.removeEventListener(type, listener);
    this._setState("closed");
  }

  _drop() {
    const socket = this._socket;
    this._socket = null;
    try {
      socket?.close(1000);
    } catch {
      // Still connecting, in browsers that refuse to close then: its events are ignored anyway.
    }
  }

  _write(type, payload) {
    try {
      this._socket.send(JSON.stringify({ type, payload }));
      return true;
    } catch {
      return false;
    }
  }

  _setState(state, retryInMs = null) {
    this.state = state;
    this._emit("state", { state, retryInMs });
  }
}

function milliseconds(value) {
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), LONGEST_WAIT_MS) : 0;
}
