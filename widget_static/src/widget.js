import { Api } from "./api.js";
import { Connection } from "./connection.js";
import { HostPage } from "./page.js";
import { Parts, partsFolder } from "./parts.js";
import { FRAME, MAX_TEXT, cleanText, uuid } from "./protocol.js";
import { Chat } from "./session.js";
import { SessionStorage } from "./storage.js";
import { Tabs } from "./tabs.js";
import { wordsOf } from "./text.js";
import { chooseLocale, Texts } from "./texts.js";
import { Timers } from "./timers.js";
import { View } from "./view.js";

const CLOSES_AFTER_MS = 2000;

/** One widget on one page, for one tenant and server. */
export class Widget {
  /** `tell(event, detail)` tells the host page, `complain(text)` its developer. */
  constructor(options, { tell, complain, scriptUrl }) {
    this._options = options;
    this._tell = tell;
    this._complain = complain;
    const root = options.apiRoot;
    this._isFor = identity(options);
    options.configure({});
    const { host } = new URL(root);
    const name = `cc_chat_session:${host}:${options.tenantId}`;
    this._api = new Api(root);
    this._texts = new Texts();
    this._page = new HostPage({
      onVisible: () => this._onVisible(),
      onHidden: () => this._chat.keep(),
      onNetwork: () => this._chat.wake(),
    });
    this._parts = new Parts({
      folder: partsFolder(scriptUrl, root),
      hashes: PARTS,
      onLoad: (part) => this._onPart(part),
    });
    this._view = new View({
      texts: this._texts,
      nonce: options.get("nonce"),
      loadPart: (name) => this._parts.load(name),
      onNear: () => this._speak(),
      onToggle: (...how) => this._onToggle(...how),
      onSend: (text) => this._chat.send(text),
      onEnd: () => this._end(),
      onStart: () => this._startNew(),
      onResume: () => this._chat.resume(),
      onError: (code) => this._tell("error", { code }),
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
    this._chat.addEventListener("message", ({ detail }) => this._onMessage(detail));
    this._chat.addEventListener("session", ({ detail: { name, ...facts } }) => tell(name, facts));
    this.update();
    if (options.get("autoRestore") !== false) this._chat.load();
    // Later, when the host page can listen.
    if (this._chat.wasOpen) queueMicrotask(() => this._isGone || this._view.toggle(true, true));
    this._configure();
    this._draw();
  }

  /** Shows changed options; false when they are those of another chat center, and this widget has to go. */
  update() {
    if (this._isFor !== identity(this._options)) return false;
    this._texts.override(this._options.get("strings") ?? {});
    this._view.place(this._home());
    this._draw();
    this._configure();
    return true;
  }

  toggle(isOpen) {
    this._view.toggle(isOpen);
  }

  setVisible(isVisible) {
    this._view.setVisible(isVisible);
  }

  identify() {
    this._chat.identify();
  }

  send(text) {
    return this._chat.send(text);
  }

  /** Ends the chat without a question; resolves to whether it has ended. */
  async end() {
    if (this._chat.phase === "idle" || this._chat.phase === "over") return true;
    try {
      await this._end();
      return true;
    } catch (error) {
      this._tell("error", { code: error.code ?? "network" });
      return false;
    }
  }

  get state() {
    const { phase, link, unread, ids, talk } = this._chat;
    return {
      isOpen: this._view.isOpen,
      isVisible: this._view.isVisible,
      phase,
      isOnline: link === "ready",
      unread,
      ...ids,
      agentName: talk?.facts.agent_name,
      queuePosition: talk?.facts.queue_position,
    };
  }

  shutdown() {
    clearTimeout(this._closing);
    this._isGone = true;
    this._page.leave();
    this._chat.shutdown();
    this._view.remove();
  }

  // The option may name an element that is not there: the widget then stands beside the body.
  _home() {
    const container = this._options.get("container");
    const home = typeof container === "string" ? document.querySelector(container) : container;
    if (container && !home) this._complain(`"container" is not on this page: ${container}`);
    return home;
  }

  _onPart({ styles, texts }) {
    if (styles) this._view.addStyles(styles);
    if (texts) this._texts.add(texts);
  }

  _onToggle(isOpen, isAsBefore) {
    clearTimeout(this._closing);
    if (isOpen) {
      this._chat.open(!isAsBefore);
      this._configure();
    } else {
      this._chat.close();
    }
    this._draw();
    this._tell(isOpen ? "open" : "close");
  }

  // What makes talking pleasant.
  async _addTalking() {
    try {
      const part = await this._parts.load("talking");
      if (this._hasTalking || this._isGone) return;
      this._hasTalking = true;
      part.create({
        ...this._view.core,
        chat: this._chat,
        api: this._api,
        settings: this._options,
        stay: () => (this._staysFor = this._chat.shown),
        FRAME,
        MAX_TEXT,
        Timers,
        cleanText,
        uuid,
        wordsOf,
      });
      this._draw();
    } catch {
      // The chat goes on without it; it is asked for again when the connection changes, and with the next
      // opening.
    }
  }

  // The words of another language are a part; English waits for nothing.
  async _speak() {
    const partOf = (tag) => `locale_${tag.split("-")[0]}`;
    const hasWords = (tag) => /^en/.test(tag) || partOf(tag) in PARTS;
    const wished = this._options.get("locale");
    const locale = chooseLocale(wished, navigator.languages, hasWords);
    try {
      const { words } = partOf(locale) in PARTS ? await this._parts.load(partOf(locale)) : {};
      if (wished !== this._options.get("locale")) return;
      this._texts.speak(locale, words);
      this._draw();
    } catch {
      // It stays as it is, and is asked for again when the connection changes.
    }
  }

  // Nothing is asked of the server before the visitor has a chat or opens one.
  async _configure() {
    if (this._chat.phase === "idle") return;
    this._speak();
    this._addTalking();
    if (this._isConfigured) return;
    this._isConfigured = true;
    try {
      this._options.configure(await this._api.call(`config/${encodeURIComponent(this._options.tenantId)}`));
    } catch {
      // The look stays as it is; it is asked for again when the connection changes.
      this._isConfigured = false;
    }
    await this._speak();
    this._isSpoken = true;
    this._chat.dispatchEvent(new Event("change"));
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
    if (this._isGone) return;
    const { phase, trouble } = this._chat;
    // Shown as on the page before, but the chat is over: the visitor begins the next one.
    if (phase === "idle" && !trouble) this._view.close();
    this._view.render(this._chat, this._options, this._isSpoken);
    this._tellChanges();
  }

  // What a host page wants to know of each change, and once.
  _tellChanges() {
    const { phase, link, unread, trouble } = this._chat;
    const isOnline = link === "ready";
    const before = this._told;
    this._told = { isOnline, unread, trouble };
    if (!before) return;
    if (unread !== before.unread) this._tell("unread", { count: unread });
    if (trouble && trouble !== before.trouble) this._tell("error", { code: trouble });
    if (isOnline && !before.isOnline) this._tell("connection:online");
    if (!isOnline && before.isOnline && phase === "live") this._tell("connection:offline");
  }

  _onVisible() {
    this._chat.wake();
    this._chat.markRead();
  }

  _onMessage(message) {
    const { seq, sender_type, sender_name, message_type, body, created_at } = message;
    this._tell("message", {
      seq,
      senderType: sender_type,
      senderName: sender_name,
      messageType: message_type,
      body,
      createdAt: created_at,
    });
  }

  _startNew() {
    clearTimeout(this._closing);
    this._chat.start();
  }

  async _end() {
    await this._chat.end();
    // Asked then, since the end may have been heard on the socket before its own answer came.
    const close = () => this._staysFor !== this._chat.shown && this._view.close();
    this._closing = setTimeout(close, CLOSES_AFTER_MS);
  }
}

const identity = ({ tenantId, apiRoot }) => `${apiRoot} ${tenantId}`;
