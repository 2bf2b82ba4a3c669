import { element } from "./dom.js";
import { STRINGS } from "./strings.js";

/**
 * Asks whether the chat shall end. `onEnd()` ends it and rejects when that failed: the dialog then says so.
 * `onClose()` when the visitor would rather keep chatting.
 */
export class EndDialog {
  constructor({ onEnd, onClose }) {
    this._onEnd = onEnd;
    this._problem = element("p", { class: "problem", role: "alert", hidden: true });
    this._keep = element(
      "button",
      { type: "button", class: "button", onclick: onClose },
      STRINGS.keepChatting,
    );
    this._end = element(
      "button",
      { type: "button", class: "button danger", onclick: () => this._confirm() },
      STRINGS.endChat,
    );
    const dialog = element(
      "div",
      {
        class: "dialog",
        role: "alertdialog",
        "aria-modal": "true",
        "aria-labelledby": "question",
        "aria-describedby": "explained",
      },
      element("h2", { id: "question" }, STRINGS.endQuestion),
      element("p", { id: "explained" }, STRINGS.endExplained),
      this._problem,
      element("div", { class: "choices" }, this._keep, this._end),
    );
    this.node = element("div", { class: "veil" }, dialog);
  }

  focus() {
    this._keep.focus();
  }

  async _confirm() {
    if (this._isEnding) return;
    this._setEnding(true);
    this._problem.hidden = true;
    try {
      await this._onEnd();
    } catch {
      this._setEnding(false);
      this._problem.textContent = STRINGS.endFailed;
      this._problem.hidden = false;
    }
  }

  // Not by disabling the button that was pressed: it would drop the focus.
  _setEnding(isEnding) {
    this._isEnding = isEnding;
    this._keep.disabled = isEnding;
    this._end.textContent = isEnding ? STRINGS.ending : STRINGS.endChat;
  }
}
