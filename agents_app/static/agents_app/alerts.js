/** Tells the agent what is new: count in the title and on the icon, a sound, desktop notifications. */

import { isCurrent, openCount, plan } from "./attention.js";
import { setText } from "./dom.js";

// So that what comes together is told together, and the window in which it is seen is heard first.
const GATHER_MS = 400;
// A window that may not sound yet lets the others speak first.
const MUTE_WAITS_MS = 2000;
const MOST_ON_ICON = 9;

export class Alerts {
  #state;
  #attention;
  #claims;
  #preferences;
  #chime;
  #onOpen;
  #gathered = [];
  #shown = new Map();
  #icon = document.querySelector("link[rel=icon]");
  #plainIcon = this.#icon.href;
  #backCounts = document.querySelectorAll("a.back [data-waiting]");

  /** `onOpen` gets the id of the chat whose notification was clicked. */
  constructor(state, { attention, claims, preferences, chime, onOpen }) {
    this.#state = state;
    this.#attention = attention;
    this.#claims = claims;
    this.#preferences = preferences;
    this.#chime = chime;
    this.#onOpen = onOpen;
  }

  /** To be called after each change of the state; `isSnapshot` says that its lists were replaced. */
  update(isSnapshot) {
    const isWatching = document.visibilityState === "visible" && document.hasFocus();
    const news = this.#attention.observe(this.#state, { isWatching, isSnapshot });
    // The agent's other windows need not tell what is seen in this one.
    const seen = news.filter((alert) => alert.isSeen);
    if (seen.length) this.#claims.take(seen);
    this.#gather(news.filter((alert) => !alert.isSeen && this.#isWanted(alert)));
    this.#withdraw();
  }

  /** Writes `title` with the count before it, and the count on the icon and the way back to the lists. */
  render(title) {
    const count = openCount(this.#state);
    const text = count ? `(${count}) ${title}` : title;
    if (document.title !== text) document.title = text;
    for (const node of this.#backCounts) setText(node, count ? `(${count})` : "");
    const name = count > MOST_ON_ICON ? "more" : count;
    const icon = count ? new URL(`./icons/${name}.svg`, import.meta.url).href : this.#plainIcon;
    if (this.#icon.href !== icon) this.#icon.href = icon;
  }

  /** Who has said that they are not there is not called to the queue. */
  #isWanted({ kind }) {
    return kind !== "queue" || (this.#state.agent.availability ?? "online") === "online";
  }

  #gather(alerts) {
    if (!alerts.length) return;
    if (!this.#gathered.length)
      setTimeout(() => this.#tell(), this.#chime.isReady ? GATHER_MS : MUTE_WAITS_MS);
    this.#gathered.push(...alerts);
  }

  async #tell() {
    const gathered = this.#gathered.filter((alert) => isCurrent(alert, this.#state));
    this.#gathered = [];
    const alerts = await this.#claims.take(gathered);
    const { sound, notifications, words } = plan(alerts, {
      wants: (kind, way) => this.#preferences.isOn(`${way}:${kind}`),
      isFocused: document.hasFocus(),
    });
    if (sound) this.#chime.ring(sound);
    for (const notification of notifications) this.#notify(notification);
    if (words.length) setText(document.getElementById("alert-words"), words.join(". "));
  }

  #notify({ tag, title, body, alerts }) {
    // One of the same tag takes the place of the one before; the sound is ours.
    const notification = showNotification(title, { tag, body, renotify: true, silent: true });
    if (!notification) return;
    this.#shown.set(tag, { notification, alerts });
    notification.onclick = () => {
      window.focus();
      notification.close();
      this.#onOpen(alerts[0].id);
    };
  }

  /** Takes back the notifications of what has been read or accepted meanwhile. */
  #withdraw() {
    for (const [tag, { notification, alerts }] of this.#shown) {
      if (alerts.some((alert) => isCurrent(alert, this.#state))) continue;
      notification.close();
      this.#shown.delete(tag);
    }
  }
}

/** Consent to desktop notifications: `granted`, `default` (not asked yet), `denied`, `missing`. */
export function notificationPermission() {
  return "Notification" in window && isSecureContext ? Notification.permission : "missing";
}

/** The notification, or null where there are none, or not without consent. */
export function showNotification(title, options) {
  if (notificationPermission() !== "granted") return null;
  try {
    return new Notification(title, options);
  } catch {
    // Android shows them only from a service worker.
    return null;
  }
}
