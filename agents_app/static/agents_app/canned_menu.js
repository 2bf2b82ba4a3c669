/** The list of canned replies above the text box: opens with a slash, goes by arrows, takes by Enter or Tab. */

import { askedFor, fillIn, findReplies, firstGap, placeholderValues } from "./canned.js";
import { fromTemplate, part, reconcile, setText } from "./dom.js";

const FRESH_MS = 60_000;

export class CannedMenu {
  #input = document.getElementById("body");
  #list = document.getElementById("canned");
  #status = document.getElementById("canned-status");
  #api;
  #context;
  #replies = [];
  #found = [];
  #loadedAt = -Infinity;
  #problem = "";
  #chosen = 0;
  #isDismissed = false;

  /** `context()` gives `{session, agent}` of the open chat, or null where nothing may be answered. */
  constructor({ api, context }) {
    this.#api = api;
    this.#context = context;
    this.#input.addEventListener("input", () => {
      this.#isDismissed = false;
      this.#update();
    });
    this.#input.addEventListener("click", () => this.#update());
    this.#input.addEventListener("blur", () => this.close());
    // Before the box loses the focus, which would close the list.
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#take(this.#found[Number(option.dataset.index)]);
    });
    document.getElementById("canned-button").addEventListener("click", () => this.#ask());
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  close() {
    this.#list.hidden = true;
    this.#input.removeAttribute("aria-activedescendant");
    setText(this.#status, "");
  }

  /** Whether the key was for the list. */
  onKey(event) {
    if (!this.isOpen || event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#chosen = (this.#chosen + step + this.#found.length) % this.#found.length;
      this.#show();
    } else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
      this.#take(this.#found[this.#chosen]);
    } else if (event.key === "Escape") {
      this.#isDismissed = true;
      this.close();
    } else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #ask() {
    this.#input.focus();
    const { value, selectionStart, selectionEnd } = this.#input;
    if (!askedFor(value, selectionStart)) {
      const space = selectionStart > 0 && !/\s/.test(value[selectionStart - 1]) ? " " : "";
      this.#input.setRangeText(`${space}/`, selectionStart, selectionEnd, "end");
    }
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async #update() {
    if (!this.#asked()) {
      this.close();
      return;
    }
    if (Date.now() - this.#loadedAt > FRESH_MS) await this.#load();
    const asked = this.#asked();
    const tenant = this.#context()?.session.tenant_id;
    this.#found = asked
      ? findReplies(
          this.#replies.filter((reply) => reply.tenant === tenant),
          asked.query,
        )
      : [];
    this.#chosen = 0;
    if (this.#found.length) this.#show();
    else {
      this.close();
      if (asked) setText(this.#status, this.#problem || "No canned reply fits.");
    }
  }

  #asked() {
    const { value, selectionStart, selectionEnd } = this.#input;
    const isWriting = document.activeElement === this.#input && selectionStart === selectionEnd;
    return isWriting && !this.#isDismissed && this.#context() ? askedFor(value, selectionStart) : null;
  }

  async #load() {
    try {
      ({ replies: this.#replies } = await this.#api.cannedReplies());
      this.#loadedAt = Date.now();
      this.#problem = "";
    } catch (error) {
      this.#problem = `The canned replies could not be loaded. ${error.message}`;
    }
  }

  #show() {
    const rows = this.#found.map((reply, index) => ({ reply, index }));
    reconcile(this.#list, rows, {
      key: ({ index }) => `canned ${index}`,
      create: () => fromTemplate("canned-template"),
      update: (node, { reply, index }) => {
        node.id = `canned-${index}`;
        node.dataset.index = String(index);
        node.setAttribute("aria-selected", String(index === this.#chosen));
        setText(part(node, "shortcut"), `/${reply.shortcut}`);
        setText(part(node, "text"), reply.text);
      },
    });
    this.#list.hidden = false;
    this.#input.setAttribute("aria-activedescendant", `canned-${this.#chosen}`);
    this.#list.children[this.#chosen].scrollIntoView({ block: "nearest" });
    const count = this.#found.length;
    setText(this.#status, `${count} ${count === 1 ? "reply" : "replies"}. Arrows choose, Enter takes.`);
  }

  #take(reply) {
    const asked = this.#asked();
    const { session, agent } = this.#context();
    const text = fillIn(reply.text, placeholderValues(session, agent));
    const start = asked?.start ?? this.#input.selectionStart;
    this.close();
    this.#input.focus();
    this.#input.setRangeText(text, start, this.#input.selectionEnd, "end");
    const end = this.#input.selectionStart;
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
    const gap = firstGap(this.#input.value, start);
    if (gap && gap.end <= end) this.#input.setSelectionRange(gap.start, gap.end);
  }
}
