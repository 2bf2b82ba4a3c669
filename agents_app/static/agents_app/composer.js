/**
 * Where the agent writes: a reply to the visitor, or a note for colleagues, each with a draft of its own in each chat.
 * Enter sends, Shift+Enter starts a new line.
 */

import { firstGap } from "./canned.js";
import { setText } from "./dom.js";

const TYPING_EVERY_MS = 3_000;
const WARN_BEFORE = 200;
const QUOTED = 80;
const KINDS = {
  reply: { label: "Message", placeholder: "Write an answer…", send: "Send" },
  note: { label: "Private note", placeholder: "Write a note for your colleagues…", send: "Add note" },
};

export class Composer {
  #form = document.getElementById("composer");
  #input = document.getElementById("body");
  #send = document.getElementById("send");
  #problem = document.getElementById("problem");
  #attach = document.getElementById("attach");
  #files = document.getElementById("files");
  #state;
  #drafts;
  #protocol;
  #canned;
  #rules;
  #on;
  #id = null;
  #kind = "reply";
  #canReply = false;
  // Which kind the agent has chosen, by chat.
  #chosen = new Map();
  #typingSentAt = 0;
  #hint = "";
  #gapTold = "";

  /**
   * `protocol` is the widget's `{MAX_TEXT, cleanText, textLength, textProblem}`: one rule for both ends; `rules`
   * are those of files, null where none can be sent; `canned` is a CannedMenu.
   * `onReply(body)` and `onNote(body)` get a text that the server will take, `onFiles(files)` what was chosen,
   * pasted or dropped; `onTyping(isTyping, isNote)`, at most every few seconds; `onKind` that another kind is written.
   */
  constructor(state, { drafts, protocol, canned, rules, onReply, onNote, onFiles, onTyping, onKind }) {
    this.#state = state;
    this.#drafts = drafts;
    this.#protocol = protocol;
    this.#canned = canned;
    this.#rules = rules;
    this.#on = { reply: onReply, note: onNote, files: onFiles, typing: onTyping, kind: onKind };
    this.#listen();
    this.#listenForFiles();
  }

  /** Writes `kind`, "reply" or "note", from now on; false where that is not possible. */
  switchTo(kind) {
    if (!this.#id || (kind === "reply" && !this.#canReply && !this.#drafts.get(this.#id))) return false;
    this.#chosen.set(this.#id, kind);
    this.#on.kind();
    this.focus();
    return true;
  }

  /** Leaves the note that has not been begun. */
  closeNote() {
    this.#chosen.delete(this.#id);
    this.#on.kind();
  }

  get isShown() {
    return !this.#form.hidden;
  }

  /** Whether something is written that has not been sent. */
  get isBegun() {
    return this.isShown && this.#input.value !== "";
  }

  get kind() {
    return this.#kind;
  }

  /** Whether there is nothing in it but a note that has not been begun. */
  get isEmptyNote() {
    return (
      this.isShown &&
      this.#kind === "note" &&
      !this.#input.value &&
      !this.#canReply &&
      !this.#drafts.get(this.#id)
    );
  }

  /** Shows the draft of chat `id`. A reply stays readable, and kept, where `canReply` is false. */
  render(id, canReply) {
    // What was said of sending it is over with the right to.
    if (canReply !== this.#canReply) {
      this.#hint = this.#gapTold = "";
      this.#canned.close();
    }
    this.#canReply = canReply;
    const kind = this.#kindFor(id, canReply);
    const isOther = id !== this.#id || (kind && kind !== this.#kind);
    this.#id = id;
    this.#form.hidden = !kind;
    if (kind) this.#kind = kind;
    if (isOther) {
      this.#typingSentAt = 0;
      this.#hint = this.#gapTold = "";
      this.#canned.close();
      this.#input.value = this.#drafts.get(id, this.#kind);
      this.#grow();
    }
    this.#renderKind(canReply);
    this.#renderMeanwhile();
    this.#check();
  }

  focus() {
    this.#input.focus();
  }

  #kindFor(id, canReply) {
    const chosen = this.#chosen.get(id);
    if (canReply) return chosen ?? "reply";
    if (this.#drafts.get(id)) return chosen ?? "reply";
    return chosen === "note" || this.#drafts.get(id, "note") ? "note" : null;
  }

  get #isLocked() {
    return this.#kind === "reply" && !this.#canReply;
  }

  #renderKind(canReply) {
    const { label, placeholder, send } = KINDS[this.#kind];
    this.#form.dataset.kind = this.#kind;
    this.#form.classList.toggle("is-locked", this.#isLocked);
    for (const radio of this.#form.elements.kind) radio.checked = radio.value === this.#kind;
    document.getElementById("kind-reply").hidden = !canReply && !this.#drafts.get(this.#id);
    const other = this.#kind === "reply" ? "note" : "reply";
    setText(document.getElementById(`${other}-draft`), this.#drafts.get(this.#id, other) ? "(draft)" : "");
    setText(document.getElementById(`${this.#kind}-draft`), "");
    setText(document.getElementById("body-label"), label);
    this.#input.placeholder = this.#isLocked ? "" : placeholder;
    this.#input.readOnly = this.#isLocked;
    setText(this.#send, send);
    this.#send.hidden = this.#isLocked;
    document.getElementById("copy").hidden = !this.#isLocked;
    document.getElementById("discard").hidden = !this.#isLocked;
    const isReply = this.#kind === "reply" && canReply;
    this.#attach.hidden = !isReply || !this.#rules;
    document.getElementById("canned-button").hidden = !isReply;
  }

  #renderMeanwhile() {
    const isDrafting = this.#kind === "reply" && this.#canReply && this.#input.value;
    const answer = isDrafting && this.#state.answerMeanwhile(this.#id, this.#drafts.begunAt(this.#id));
    document.getElementById("meanwhile").hidden = !answer;
    if (!answer) return;
    const quoted = [...answer.body].slice(0, QUOTED).join("");
    const isMine = answer.sender_name === this.#state.agent?.name;
    const who = isMine
      ? "You have answered in another window"
      : `${answer.sender_name} has answered meanwhile`;
    const text = `${who}: “${quoted}${quoted === answer.body ? "" : "…"}”`;
    setText(document.getElementById("meanwhile-text"), text);
  }

  #listen() {
    const input = this.#input;
    input.addEventListener("input", () => this.#changed());
    input.addEventListener("blur", () => this.#type(false));
    input.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word; Safari says so by the key code alone.
      if (event.isComposing || event.keyCode === 229 || this.#canned.onKey(event)) return;
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      this.#submit();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    document.getElementById("kinds").addEventListener("change", ({ target }) => this.switchTo(target.value));
    document.getElementById("meanwhile-close").addEventListener("click", () => {
      this.#drafts.compared(this.#id, this.#lastSeq);
      this.#renderMeanwhile();
      this.focus();
    });
    document.getElementById("copy").addEventListener("click", () => this.#copy());
    document.getElementById("discard").addEventListener("click", () => {
      input.value = "";
      this.#drafts.set(this.#id, "");
      this.#on.kind();
      document.getElementById("chat-title").focus();
    });
  }

  #listenForFiles() {
    const chat = document.getElementById("chat");
    const hasFiles = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].includes("Files");
    const showTarget = (isShown) => chat.classList.toggle("is-dropping", isShown);
    this.#files.accept = this.#rules?.endings.join() ?? "";
    this.#attach.addEventListener("click", () => this.#files.click());
    this.#files.addEventListener("change", () => {
      this.#take(this.#files.files);
      // The same file may be chosen once more.
      this.#files.value = "";
      this.focus();
    });
    // What an office programme copies is text, and a picture of the text.
    this.#input.addEventListener("paste", (event) => {
      const { files, types } = event.clipboardData;
      if (!files.length || [...types].includes("text/plain")) return;
      event.preventDefault();
      this.#take(files);
    });
    chat.addEventListener("dragover", (event) => showTarget(hasFiles(event) && this.#takesFiles));
    chat.addEventListener(
      "dragleave",
      ({ relatedTarget }) => chat.contains(relatedTarget) || showTarget(false),
    );
    chat.addEventListener("drop", (event) => {
      showTarget(false);
      if (hasFiles(event)) this.#take(event.dataTransfer.files);
    });
    // A file that is dropped beside its place must not take the page, and what is written in it, away.
    addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    addEventListener("drop", (event) => hasFiles(event) && event.preventDefault());
  }

  get #takesFiles() {
    return this.#kind === "reply" && this.#canReply && Boolean(this.#rules);
  }

  #take(files) {
    if (this.#takesFiles) {
      this.#on.files([...files]);
      return;
    }
    this.#hint = this.#rules
      ? "Files can be sent with a reply, in a chat that is yours."
      : "Files cannot be sent here.";
    this.#check();
  }

  get #lastSeq() {
    return this.#state.chats.get(this.#id)?.store.lastSeq ?? 0;
  }

  #changed() {
    this.#hint = this.#gapTold = "";
    this.#drafts.set(this.#id, this.#input.value, this.#kind, this.#lastSeq);
    this.#type(this.#protocol.textProblem(this.#input.value) !== "empty");
    this.#renderMeanwhile();
    this.#check();
    this.#grow();
  }

  #submit() {
    const { value } = this.#input;
    if (this.#isLocked || this.#protocol.textProblem(value) || this.#hasGap(value)) return;
    this.#input.value = "";
    this.#drafts.set(this.#id, "", this.#kind);
    this.#type(false);
    this.#canned.close();
    this.#grow();
    this.#on[this.#kind](this.#protocol.cleanText(value));
    this.#check();
    this.focus();
  }

  /** A placeholder that nobody has filled in is shown before it is sent, once. */
  #hasGap(value) {
    const gap = this.#kind === "reply" ? firstGap(value) : null;
    if (!gap || this.#gapTold === value) return false;
    this.#gapTold = value;
    this.#hint = `${gap.text} is not filled in. Write what belongs there, or send once more to send it like this.`;
    this.#input.setSelectionRange(gap.start, gap.end);
    this.#check();
    return true;
  }

  async #copy() {
    this.#input.select();
    try {
      await navigator.clipboard.writeText(this.#input.value);
      this.#hint = "Copied.";
    } catch {
      // Without the right to: it is selected, and the keyboard copies it.
      this.#hint = "Press Ctrl+C to copy it.";
    }
    this.#check();
  }

  #check() {
    const { MAX_TEXT, cleanText, textLength, textProblem } = this.#protocol;
    const { value } = this.#input;
    this.#send.disabled = textProblem(value) !== null;
    const isLong = value.length >= MAX_TEXT - WARN_BEFORE;
    const left = isLong ? MAX_TEXT - textLength(cleanText(value)) : MAX_TEXT;
    const count = `${Math.abs(left)} ${Math.abs(left) === 1 ? "character" : "characters"}`;
    const counted = isLong && left <= WARN_BEFORE ? `${count} ${left < 0 ? "too many" : "left"}` : "";
    this.#problem.classList.toggle("is-error", left < 0 || Boolean(this.#gapTold));
    setText(this.#problem, this.#hint || counted);
  }

  #type(isTyping) {
    const now = Date.now();
    const isTold = isTyping && !this.#isLocked;
    if (isTold ? now - this.#typingSentAt < TYPING_EVERY_MS : !this.#typingSentAt) return;
    this.#typingSentAt = isTold ? now : 0;
    this.#on.typing(isTold, this.#kind === "note");
  }

  #grow() {
    // Through the CSSOM, which a strict content security policy allows, unlike a style attribute.
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight + 2}px`;
  }
}
