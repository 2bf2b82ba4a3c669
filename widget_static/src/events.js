export const EVENTS = [
  "ready",
  "open",
  "close",
  "message",
  "unread",
  "session:start",
  "session:restored",
  "session:expired",
  "session:ended",
  "connection:online",
  "connection:offline",
  "error",
];

/** What the host page hears of the chat: by handlers, and by CustomEvents of the window. */
export class HostEvents {
  constructor() {
    this._handlers = new Map(EVENTS.map((name) => [name, new Set()]));
    this._ready = null;
  }

  /** Who comes after "ready" hears it at once. */
  on(name, handler) {
    if (typeof handler !== "function") throw new TypeError("the handler must be a function");
    this._of(name).add(handler);
    if (name === "ready" && this._ready) call(handler, this._ready);
  }

  /** Without a handler: all of this event. */
  off(name, handler) {
    if (handler) this._of(name).delete(handler);
    else this._of(name).clear();
  }

  emit(name, detail = {}) {
    if (name === "ready") this._ready = detail;
    for (const handler of [...this._of(name)]) call(handler, detail);
    window.dispatchEvent(new CustomEvent(`callcenterchat:${name}`, { detail }));
  }

  _of(name) {
    const handlers = this._handlers.get(name);
    if (!handlers) throw new TypeError(`there is no event "${name}"`);
    return handlers;
  }
}

// The page's own mistake: reported as such, and none of ours stops for it.
function call(handler, detail) {
  try {
    handler(detail);
  } catch (error) {
    console.error(error);
  }
}
