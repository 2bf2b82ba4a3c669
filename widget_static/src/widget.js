import { Api } from "./api.js";
import { Connection } from "./connection.js";
import { HostPage } from "./page.js";
import { FRAME } from "./protocol.js";
import { Chat } from "./session.js";
import { SessionStorage } from "./storage.js";
import { Tabs } from "./tabs.js";
import { View } from "./view.js";

const CLOSES_AFTER_MS = 2000;

/** One widget on one page, for one tenant and server. */
export class Widget {
  constructor(options) {
    this._options = options;
    const root = options.apiRoot;
    this._isFor = identity(options);
    options.configure({});
    const { host } = new URL(root);
    const name = `cc_chat_session:${host}:${options.tenantId}`;
    this._api = new Api(root);
    this._page = new HostPage({
      onVisible: () => this._onVisible(),
      onNetwork: (isOnline) => this._onNetwork(isOnline),
    });
    this._view = new View({
      onToggle: (isOpen) => this._onToggle(isOpen),
      onSend: (text) => this._chat.send(text),
      onTyping: (isTyping) => this._chat.talk?.typing(isTyping),
      onRetry: (id) => this._chat.retry(id),
      onEnd: () => this._end(),
      onStart: () => this._startNew(),
      onResume: () => this._chat.resume(),
    });
    this._chat = new Chat({
      api: this._api,
      storage: new SessionStorage({ tenantId: options.tenantId, apiHost: host }),
      settings: options,
      page: this._page,
      makeTabs: (handlers) => new Tabs({ name, ...handlers }),
      makeConnection: ({ sessionId, ...payloads }) =>
        new Connection({
          url: `${root.replace(/^http/, "ws")}/ws/public/${sessionId}`,
          ready: FRAME.ready,
          heartbeatInterval: options.heartbeatInterval(),
          ...payloads,
        }),
    });
    this._chat.addEventListener("change", () => this._onChange());
    this._chat.addEventListener("message", ({ detail }) => this._announce(detail));
    if (options.autoRestore) this._chat.load();
    this._configure();
    this._draw();
  }

  /** Shows changed options; false when they are those of another chat center, and this widget has to go. */
  update() {
    if (this._isFor !== identity(this._options)) return false;
    this._draw();
    return true;
  }

  toggle(isOpen) {
    this._view.toggle(isOpen);
  }

  shutdown() {
    clearTimeout(this._closing);
    this._isGone = true;
    this._page.leave();
    this._chat.shutdown();
    this._view.remove();
  }

  _onToggle(isOpen) {
    clearTimeout(this._closing);
    if (isOpen) {
      this._chat.open();
      this._configure();
    } else {
      this._chat.close();
    }
    this._draw();
  }

  // Nothing is asked of the server before the visitor has a chat or opens one.
  async _configure() {
    if (this._isConfigured || this._chat.phase === "idle") return;
    this._isConfigured = true;
    try {
      this._options.configure(await this._api.config(this._options.tenantId));
      this._onChange();
    } catch {
      // The look stays as it is; it is asked for again when the connection changes.
      this._isConfigured = false;
    }
  }

  _onChange() {
    if (this._chat.link !== this._link) this._configure();
    this._link = this._chat.link;
    if (this._isDrawing) return;
    this._isDrawing = true;
    queueMicrotask(() => this._draw());
  }

  _draw() {
    this._isDrawing = false;
    if (!this._isGone) this._view.render(this._chat, this._options.look);
  }

  _onVisible() {
    this._chat.wake();
    this._chat.markRead();
  }

  _onNetwork(isOnline) {
    if (isOnline) this._chat.wake();
    this._draw();
  }

  _announce({ sender_type, sender_name, body }) {
    this._view.announce(sender_type === "agent" ? `${sender_name}: ${body}` : body);
  }

  _startNew() {
    clearTimeout(this._closing);
    this._chat.start();
  }

  async _end() {
    await this._chat.end();
    this._closing = setTimeout(() => this._view.toggle(false), CLOSES_AFTER_MS);
  }
}

const identity = ({ tenantId, apiRoot }) => `${apiRoot} ${tenantId}`;
