import { cleanText } from "./protocol.js";

const USE_EVENTS = ["pointerdown", "keydown", "wheel", "touchstart"];
const LONGEST_URL = 2000;
const LONGEST_TITLE = 300;

/** What the widget knows of the page that it stands on. */
export class HostPage {
  /**
   * `onVisible()` when the page is shown again, `onHidden()` when it is not (it may never be again),
   * `onNetwork()` when the network goes or comes.
   */
  constructor({ onVisible, onHidden, onNetwork }) {
    this._wasUsed = false;
    this._listeners = [
      [document, "visibilitychange", () => (this.isVisible() ? onVisible() : onHidden())],
      [window, "pagehide", onHidden],
      [window, "online", onNetwork],
      [window, "offline", onNetwork],
      ...USE_EVENTS.map((type) => [window, type, () => (this._wasUsed = true)]),
    ];
    for (const [target, type, listener] of this._listeners)
      target.addEventListener(type, listener, LISTENING);
  }

  isVisible() {
    return document.visibilityState !== "hidden";
  }

  isOnline() {
    return navigator.onLine;
  }

  /** Whether the visitor has touched the page since the last call. */
  wasUsed() {
    const wasUsed = this._wasUsed;
    this._wasUsed = false;
    return wasUsed;
  }

  location() {
    return {
      url: location.href.slice(0, LONGEST_URL),
      title: cleanText(document.title.slice(0, LONGEST_TITLE)),
    };
  }

  /** The `metadata` of a start. */
  facts() {
    const { url, title } = this.location();
    return {
      page_url: url,
      page_title: title,
      referrer: document.referrer.slice(0, LONGEST_URL),
      locale: navigator.language ?? "",
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "",
    };
  }

  leave() {
    for (const [target, type, listener] of this._listeners)
      target.removeEventListener(type, listener, LISTENING);
  }
}

// Captured on the way down: neither the page nor the widget itself can stop them before.
const LISTENING = { capture: true, passive: true };
