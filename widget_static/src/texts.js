import { isObject } from "./protocol.js";

/**
 * Everything the visitor reads, in English. {name} stands for a value; a text with a count is an object by
 * the language's plural categories. Parts bring texts of their own.
 */
export const ENGLISH = {
  lang: "en",
  dir: "ltr",

  openChat: "Open chat",
  closeChat: "Close chat",
  unread: { one: "1 new message", other: "{count} new messages" },

  title: "Chat with us",
  subtitle: "We usually reply within a few minutes",
  welcome: "Hello! How can we help you?",
  conversation: "Conversation",

  connecting: "Connecting…",
  connected: "Connected",
  notConnected: "Not connected",
  reconnecting: "Reconnecting… Messages are kept",
  offline: "You are offline. Messages are kept",
  inQueue: { one: "You are next in line", other: "You are number {count} in line" },
  withAgent: "You are chatting with {name}",
  chatEnded: "Chat ended",

  sending: "Sending…",
  sent: "Sent",
  read: "Seen",
  failed: "Not sent",

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

/** The texts in use: the site's own words over those of the visitor's language over English. */
export class Texts {
  constructor() {
    this._english = { ...ENGLISH };
    this._own = {};
    this.speak("en");
  }

  /** From now on `words`, a language's texts by name, and dates and plural forms as `locale` has them. */
  speak(locale, words = {}) {
    this._plural = new Intl.PluralRules(locale);
    this._words = words;
    this.locale = locale;
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
    const text = this._own[name] ?? this._words[name] ?? this._english[name] ?? "";
    const form = isObject(text) ? (text[this._plural.select(values.count)] ?? text.other ?? "") : text;
    return String(form).replace(/\{(\w+)\}/g, (_, value) => values[value]);
  }

  /** The first of these names that has a text. */
  first(...names) {
    return this.get(names.find((name) => name in this._english));
  }
}

/**
 * The locale for what the site or its tenant `wished`. "auto" is the first of the browser's languages
 * (`theirs`) that there are words for (`hasWords`); a language without a country is the browser's own kind of
 * it: the British have English times the British way.
 */
export function chooseLocale(wished = "en", theirs, hasWords) {
  if (wished === "auto") return theirs.find(hasWords) ?? "en";
  return theirs.find((tag) => tag.startsWith(wished)) ?? wished;
}
