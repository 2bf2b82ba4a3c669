/** Where the agent writes: a draft for each chat, Enter sends, Shift+Enter starts a new line. */

import { setText } from "./dom.js";

const TYPING_EVERY_MS = 3_000;
const WARN_BEFORE = 200;

export class Composer {
  #form = document.getElementById("composer");
  #input = document.getElementById("body");
  #send = document.getElementById("send");
  #problem = document.getElementById("problem");
  #drafts;
  #protocol;
  #id = null;
  #typingSentAt = 0;
  #onSend;
  #onTyping;

  /**
   * `protocol` is the widget's `{MAX_TEXT, cleanText, textLength, textProblem}`: one rule for both ends.
   * `onSend` gets a text that the server will take; `onTyping` a boolean, at most every few seconds.
   */
  constructor({ drafts, protocol, onSend, onTyping }) {
    this.#drafts = drafts;
    this.#protocol = protocol;
    this.#onSend = onSend;
    this.#onTyping = onTyping;
    this.#input.addEventListener("input", () => this.#changed());
    this.#input.addEventListener("blur", () => this.#type(false));
    this.#input.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word; Safari says so by the key code alone.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#submit();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** Shows the draft of chat `id`. The text stays readable, and kept, where `canWrite` is false. */
  render(id, canWrite) {
    if (id !== this.#id) {
      this.#id = id;
      this.#typingSentAt = 0;
      this.#input.value = this.#drafts.get(id);
    }
    this.#form.hidden = !canWrite && !this.#input.value;
    this.#input.readOnly = !canWrite;
    this.#form.classList.toggle("is-locked", !canWrite);
    this.#check(canWrite);
    this.#grow();
  }

  focus() {
    this.#input.focus();
  }

  #changed() {
    this.#drafts.set(this.#id, this.#input.value);
    this.#type(this.#protocol.textProblem(this.#input.value) !== "empty");
    this.#check(!this.#input.readOnly);
    this.#grow();
  }

  #submit() {
    const { value } = this.#input;
    if (this.#input.readOnly || this.#protocol.textProblem(value)) return;
    this.#input.value = "";
    this.#drafts.set(this.#id, "");
    this.#type(false);
    this.#check(true);
    this.#grow();
    this.#onSend(this.#protocol.cleanText(value));
    this.focus();
  }

  #check(canWrite) {
    const { MAX_TEXT, cleanText, textLength, textProblem } = this.#protocol;
    const { value } = this.#input;
    this.#send.disabled = !canWrite || textProblem(value) !== null;
    this.#send.hidden = !canWrite;
    if (value.length < MAX_TEXT - WARN_BEFORE) {
      setText(this.#problem, "");
      return;
    }
    const left = MAX_TEXT - textLength(cleanText(value));
    this.#problem.classList.toggle("is-error", left < 0);
    const count = `${Math.abs(left)} ${Math.abs(left) === 1 ? "character" : "characters"}`;
    setText(this.#problem, `${count} ${left < 0 ? "too many" : "left"}`);
  }

  #type(isTyping) {
    const now = Date.now();
    if (isTyping ? now - this.#typingSentAt < TYPING_EVERY_MS : !this.#typingSentAt) return;
    this.#typingSentAt = isTyping ? now : 0;
    this.#onTyping(isTyping);
  }

  #grow() {
    // Through the CSSOM, which a strict content security policy allows, unlike a style attribute.
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight + 2}px`;
  }
}
