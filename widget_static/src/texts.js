import { isObject } from "./protocol.js";

/**
 * Everything the visitor reads, in English. {name} stands for a value; a text with a count is an object by
 * the language's plural categories. Parts bring texts of their own.
 */
export const ENGLISH = {
  openChat: "Open chat",
  closeChat: "Close chat",
  unread: { one: "1 new message", other: "{count} new messages" },

  title: "Chat with us",
  subtitle: "We usually reply within a few minutes",
  conversation: "Conversation",

  connecting: "Connecting…",
  connected: "Connected",
  notConnected: "Not connected",
  reconnecting: "Reconnecting… Messages are kept",
  offline: "You are offline. Messages are kept",
  inQueue: { one: "You are next in line", other: "You are number {count} in line" },
  withAgent: "You are chatting with {name}",
  chatEnded: "Chat ended",

  restored: "Your chat has been restored",
  today: "Today",
  yesterday: "Yesterday",
  sending: "Sending…",
  sent: "Sent",
  failed: "Not sent",
  retry: "Retry",

  message: "Message",
  placeholder: "Write a message…",
  send: "Send",

  endChat: "End Chat",
  notLoaded: "This could not be loaded. Please try again.",

  over: "This chat has ended.",
  startNew: "Start a new chat",

  unavailable: "Chat is not available right now.",
  tryAgain: "Try again",
};

/** The texts in use: the site's own words over English. */
export class Texts {
  constructor() {
    this._english = { ...ENGLISH };
    this._own = {};
  }

  /** The English texts that a part brings along. */
  add(english) {
    Object.assign(this._english, english);
  }

  /** The site's own words by name: the option `strings`. */
  override(own) {
    this._own = own;
  }

  /** The text with this name; `values` by the names in braces, `count` chooses the plural form. */
  get(name, values = {}) {
    const text = this._own[name] ?? this._english[name] ?? "";
    const form = isObject(text) ? (text[plural.select(values.count)] ?? text.other ?? "") : text;
    return String(form).replace(/\{(\w+)\}/g, (_, value) => values[value]);
  }

  /** The first of these names that has a text. */
  first(...names) {
    return this.get(names.find((name) => name in this._english));
  }
}

const plural = new Intl.PluralRules("en");
