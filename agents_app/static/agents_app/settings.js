/** The dialog with the agent's switches, and the consent to notifications; the list of the keys. */

import { notificationPermission, showNotification } from "./alerts.js";
import { KINDS } from "./attention.js";
import { setText } from "./dom.js";
import { KEYS, isSingle, keyLabel } from "./keys.js";

const PERMISSIONS = {
  granted: "Notifications are allowed for this site.",
  default: "Your browser has not been asked for notifications yet.",
  denied: "Your browser blocks notifications for this site. Allow them in its settings of this site.",
  missing: "Your browser shows no notifications here.",
};

export class SettingsDialog {
  #dialog = document.getElementById("settings-dialog");
  #tryButton = document.getElementById("try-alert");
  #keys = document.getElementById("keys-dialog");
  #preferences;
  #chime;

  constructor({ preferences, chime, isMac }) {
    this.#preferences = preferences;
    this.#chime = chime;
    document.getElementById("settings").addEventListener("click", () => this.open());
    document.getElementById("consent-ask").addEventListener("click", () => this.#ask());
    this.#tryButton.addEventListener("click", () => this.#try());
    document.getElementById("show-keys").addEventListener("click", () => this.showKeys());
    for (const box of this.#boxes) {
      box.addEventListener("change", () => preferences.set(box.dataset.switch, box.checked));
    }
    preferences.addEventListener("change", () => this.#render());
    document.getElementById("keys-rows").append(...KEYS.map((entry) => rowOf(entry, isMac)));
    const always = KEYS.filter(({ key }) => !isSingle(key)).map(({ key }) => keyLabel(key, isMac));
    setText(document.getElementById("keys-always"), always.join(" and "));
    this.#render();
  }

  open() {
    this.#render();
    this.#dialog.showModal();
  }

  showKeys() {
    this.#keys.showModal();
  }

  get #boxes() {
    return document.querySelectorAll("[data-switch]");
  }

  #render() {
    for (const box of this.#boxes) box.checked = this.#preferences.isOn(box.dataset.switch);
    const used = ["sound", "notification"].filter((way) => this.#isUsed(way));
    this.#tryButton.disabled = used.length === 0;
    setText(this.#tryButton, `Try ${used.join(" and ") || "sound and notification"}`);
    const permission = notificationPermission();
    setText(document.getElementById("consent-text"), PERMISSIONS[permission]);
    document.getElementById("consent-ask").hidden = permission !== "default";
  }

  async #ask() {
    await Notification.requestPermission();
    this.#render();
  }

  /** Whether this way of telling, `sound` or `notification`, is switched on for anything. */
  #isUsed(way) {
    return KINDS.some((kind) => this.#preferences.isOn(`${way}:${kind}`));
  }

  #try() {
    if (this.#isUsed("sound")) this.#chime.play("message");
    if (!this.#isUsed("notification")) return;
    showNotification("Chat Center", { body: "This is how a notification looks.", tag: "try", silent: true });
  }
}

function rowOf({ key, what, when }, isMac) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  const kbd = document.createElement("kbd");
  kbd.textContent = keyLabel(key, isMac);
  name.append(kbd);
  const text = document.createElement("td");
  text.textContent = what;
  if (when) {
    const condition = document.createElement("small");
    condition.textContent = ` when ${when}`;
    text.append(condition);
  }
  row.append(name, text);
  return row;
}
