/** Go anywhere, do anything by a few letters: chats, views, colleagues, actions. */

import { setText } from "./dom.js";
import { find } from "./fuzzy.js";

const MOST_SHOWN = 12;

export class Palette {
  #dialog = document.getElementById("palette");
  #input = document.getElementById("palette-input");
  #list = document.getElementById("palette-list");
  #status = document.getElementById("palette-status");
  #collect;
  #otherwise;
  #items = [];
  // What remains whatever was written: one choice, or none while nothing is.
  #rest = [];
  #found = [];
  #selected = 0;
  #opening = null;

  /**
   * `collect(add)` answers what can be chosen now, `[{group, text, about, key, run}]`, and hands what takes longer
   * to `add`; `otherwise(query)` is the choice that remains whatever was written.
   */
  constructor({ collect, otherwise }) {
    this.#collect = collect;
    this.#otherwise = otherwise;
    this.#input.addEventListener("input", () => this.#search());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#choose([...this.#list.children].indexOf(option));
    });
    // A click beside it closes it, as with a menu: the dialog has no padding, so all of it is something else.
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
  }

  open() {
    this.#input.value = "";
    const opening = {};
    this.#opening = opening;
    this.#items = this.#collect((more) => {
      // For a palette that was closed, and opened again, meanwhile.
      if (this.#opening !== opening) return;
      this.#items = [...this.#items, ...more];
      // What stood there for want of anything else gives way; any other choice stays under the hand.
      this.#show(this.#found.length > 1 ? this.#found[this.#selected] : null);
    });
    this.#search();
    this.#dialog.showModal();
  }

  #search() {
    const query = this.#input.value.trim();
    this.#rest = query ? [this.#otherwise(query)] : [];
    this.#show(null);
  }

  /** `kept` is the item that stays selected; without it, the first is. */
  #show(kept) {
    const fitting = find(this.#input.value, this.#items);
    const shown = fitting.slice(0, MOST_SHOWN);
    if (fitting.indexOf(kept) >= MOST_SHOWN) shown[MOST_SHOWN - 1] = kept;
    this.#found = [...shown, ...this.#rest];
    this.#selected = Math.max(0, this.#found.indexOf(kept));
    this.#list.replaceChildren(...this.#found.map(optionOf));
    const count = this.#found.length;
    setText(this.#status, `${count} ${count === 1 ? "match" : "matches"}`);
    this.#mark();
  }

  #mark() {
    [...this.#list.children].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === this.#selected));
    });
    const selected = this.#list.children[this.#selected];
    if (selected) this.#input.setAttribute("aria-activedescendant", selected.id);
    else this.#input.removeAttribute("aria-activedescendant");
    selected?.scrollIntoView({ block: "nearest" });
  }

  #onKey(event) {
    const { key, isComposing, keyCode } = event;
    if (isComposing || keyCode === 229) return;
    const count = this.#found.length;
    if (key === "ArrowDown" || key === "ArrowUp") {
      this.#selected = (this.#selected + (key === "ArrowDown" ? 1 : count - 1)) % count;
      this.#mark();
    } else if (key === "Enter") this.#choose(this.#selected);
    else return;
    event.preventDefault();
  }

  #choose(index) {
    const item = this.#found[index];
    // First, since closing gives the focus back to where it was, and running may put it elsewhere.
    this.#dialog.close();
    item.run();
  }
}

function optionOf({ group, text, about, key }, index) {
  const option = document.createElement("li");
  option.id = `palette-${index}`;
  option.setAttribute("role", "option");
  for (const [name, content, after] of [
    ["text", text, about && ` · ${about}`],
    ["key", key],
    ["group", group],
  ]) {
    if (!content) continue;
    const span = document.createElement("span");
    span.className = `palette-${name}`;
    // A name from right to left turns neither its place nor what follows it.
    const words = document.createElement("bdi");
    words.textContent = content;
    span.append(words, after ?? "");
    option.append(span);
  }
  return option;
}
