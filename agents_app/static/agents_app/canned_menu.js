/** The list of canned replies above the text box: opens with a slash, goes by arrows, takes by Enter or Tab. */

import { askedFor, fillIn, findReplies, firstGap, placeholderValues } from "./canned.js";
import { fromTemplate, part, reconcile, setText } from "./dom.js";

const FRESH_MS = 60_000;
const RETRY_MS = 5_000;

export class CannedMenu {
  #input = document.getElementById("body");
  #list = document.getElementById("canned");
  #status = document.getElementById("canned-status");
  #api;
  #context;
  #replies = [];
  #found = [];
  #loading = null;
  #isStaleAt = -Infinity;
  #problem = "";
  #chosen = 0;
  #isDismissed = false;
  // Enter was pressed before the replies were here.
  #isAwaited = false;

  /** `context()` gives `{session, agent}` of the open chat, or null where nothing may be answered. */
  constructor({ api, context }) {
    this.#api = api;
    this.#context = context;
    this.#input.addEventListener("input", () => {
      this.#isDismissed = this.#isAwaited = false;
      this.#found = [];
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
    this.#found = [];
    this.#isAwaited = false;
    this.#input.removeAttribute("aria-activedescendant");
    this.#tell("");
  }

  /** Asks for the replies, if they are not fresh: whoever types a shortcut has them by then. */
  refresh() {
    if (this.#loading || Date.now() < this.#isStaleAt) return;
    this.#loading = this.#load().finally(() => {
      this.#loading = null;
      this.#update();
    });
  }

  /** Whether the key was for the list. */
  onKey(event) {
    if (event.isComposing) return false;
    if (!this.isOpen) return this.#onKeyAhead(event);
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

  /** Enter after a shortcut takes it as soon as it is here: it must not go to the visitor as it stands. */
  #onKeyAhead(event) {
    if (event.key === "Escape" && this.#status.textContent) {
      this.#isDismissed = true;
      this.close();
    } else if (event.key === "Enter" && !event.shiftKey && this.#loading && this.#asked()) {
      this.#isAwaited = true;
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

  #update() {
    const asked = this.#asked();
    if (!asked) {
      this.close();
      return;
    }
    this.refresh();
    const { tenant_id: tenant } = this.#context().session;
    const replies = this.#replies.filter((reply) => reply.tenant === tenant);
    const chosen = this.#found[this.#chosen]?.shortcut;
    this.#found = findReplies(replies, asked.query);
    // What is fetched anew must not put another one under the hand.
    const kept = this.#found.findIndex((reply) => reply.shortcut === chosen);
    this.#chosen = Math.max(0, kept);
    if (this.#found.length && this.#isAwaited) this.#take(this.#found[0]);
    else if (this.#found.length) this.#show();
    else this.#showNone();
  }

  #asked() {
    const { value, selectionStart, selectionEnd } = this.#input;
    const isWriting = document.activeElement === this.#input && selectionStart === selectionEnd;
    return isWriting && !this.#isDismissed && this.#context() ? askedFor(value, selectionStart) : null;
  }

  async #load() {
    try {
      ({ replies: this.#replies } = await this.#api.cannedReplies());
      this.#isStaleAt = Date.now() + FRESH_MS;
      this.#problem = "";
    } catch (error) {
      this.#isStaleAt = Date.now() + RETRY_MS;
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
    this.#tell(`${count} ${count === 1 ? "reply" : "replies"}. Arrows choose, Enter takes.`);
  }

  #showNone() {
    this.#list.hidden = true;
    this.#input.removeAttribute("aria-activedescendant");
    if (!this.#loading) this.#isAwaited = false;
    const text = this.#loading ? "Loading the canned replies…" : this.#problem || "No canned reply fits.";
    this.#tell(text, { isAlone: true });
  }

  /** Beside the list it is for screen readers; without one it stands in its place. */
  #tell(text, { isAlone = false } = {}) {
    setText(this.#status, text);
    this.#status.className = isAlone ? "canned canned-hint" : "visually-hidden";
  }

  #take(reply) {
    const context = this.#context();
    // The chat may have ended under the open list.
    if (!context) {
      this.close();
      return;
    }
    const asked = this.#asked();
    const { session, agent } = context;
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
