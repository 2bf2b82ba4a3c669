/** The search box, and what else narrows a list. It tells what was chosen; the address is what keeps it. */

import { FILTERS, formatAddress, narrowed } from "./address.js";
import { fromTemplate, part, reconcile, setText } from "./dom.js";

const TYPING_PAUSE_MS = 250;

export class FiltersView {
  #base;
  #onChange;
  #address = null;
  #form = document.getElementById("search");
  #chips = document.getElementById("chips");
  #pause = null;

  /** `onChange(filters, {isTyping})` gets what the list is to be narrowed by. */
  constructor({ base, onChange }) {
    this.#base = base;
    this.#onChange = onChange;
    // Dates are typed, too: every digit of a year makes another one.
    this.#form.addEventListener("input", ({ target }) => this.#tellSoon(target));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#tell(false);
    });
    this.#chips.addEventListener("click", () => {
      // The link that has the focus goes with its filter.
      this.#form.querySelector("summary").focus();
    });
  }

  focus() {
    this.#field("q").focus();
    this.#field("q").select();
  }

  show(address) {
    this.#address = address;
    for (const row of this.#form.querySelectorAll("[data-filter]")) {
      row.hidden = !FILTERS[address.view].includes(row.dataset.filter) || row.dataset.choice === "none";
    }
    // What is being typed is ahead of the address.
    if (this.#pause === null)
      for (const field of this.#fields) setValue(field, address.filters[field.name] ?? "");
    this.#renderChips(address);
  }

  hide() {
    this.#forgetPause();
    this.#address = null;
  }

  /** What there is to choose from by now: `{agent: [[value, text]…], tag: …, tenant: …}`. */
  offer(choices) {
    for (const [name, offered] of Object.entries(choices)) {
      const select = this.#field(name);
      const { value } = select;
      select.replaceChildren(select.options[0], ...offered.map(([value, text]) => new Option(text, value)));
      setValue(select, value);
      select.closest("[data-filter]").dataset.choice = offered.length ? "some" : "none";
    }
    if (this.#address) this.show(this.#address);
  }

  get #fields() {
    return [...this.#form.elements].filter((element) => element.name);
  }

  #field(name) {
    return this.#form.elements.namedItem(name);
  }

  #tellSoon({ name }) {
    this.#forgetPause();
    this.#pause = setTimeout(() => this.#tell(name === "q"), TYPING_PAUSE_MS);
  }

  #tell(isTyping) {
    this.#forgetPause();
    if (!this.#address || !this.#form.checkValidity()) return;
    this.#onChange(Object.fromEntries(new FormData(this.#form)), { isTyping });
  }

  #forgetPause() {
    clearTimeout(this.#pause);
    this.#pause = null;
  }

  /** What narrows the list is in sight with the filters folded up; each a link to the list without it. */
  #renderChips(address) {
    const names = Object.keys(address.filters).filter((name) => name !== "q" && name !== "page");
    this.#chips.hidden = names.length === 0;
    reconcile(this.#chips, names, {
      key: (name) => name,
      create: () => fromTemplate("chip-template"),
      update: (node, name) => {
        part(node, "link").href = formatAddress(this.#base, narrowed(address, { [name]: "" }));
        setText(part(node, "text"), this.#chipText(name));
      },
    });
  }

  #chipText(name) {
    const field = this.#field(name);
    const value = field.type === "date" ? field.valueAsDate : field.selectedOptions[0].text;
    const text = value instanceof Date ? value.toLocaleDateString(undefined, { timeZone: "UTC" }) : value;
    return `${field.labels[0].querySelector("span").textContent}: ${text ?? field.value}`;
  }
}

/** A select shows also what it has no option for: a colleague who has left, a tag that is gone. */
function setValue(field, value) {
  if (field.value.trim() === value) return;
  field.value = value;
  if (field instanceof HTMLSelectElement && field.value !== value) {
    field.append(new Option(value, value));
    field.value = value;
  }
}
