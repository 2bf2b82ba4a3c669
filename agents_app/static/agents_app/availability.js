/** The menu in the top bar: whether I am there, and for how many chats at once. */

import { setText } from "./dom.js";

export const LABELS = { online: "Online", away: "Away", offline: "Offline" };

/** `{label, presence, hint}` of an agent; `presence` as the dot knows it, `hint` says why it is so. */
export function describe({ availability, state }) {
  if (availability === "online" && state === "away") {
    return { label: "Away", presence: "away", hint: "You have not used the console for 10 minutes." };
  }
  return {
    label: LABELS[availability],
    presence: availability === "offline" ? "gone" : availability,
    hint: "",
  };
}

export class AvailabilityMenu {
  #button = document.getElementById("availability");
  #panel = document.getElementById("availability-panel");
  #form = document.getElementById("availability-form");
  #capacity = document.getElementById("capacity");
  #agent = null;
  #save;
  #isSaving = false;

  /** `save(changes)` answers, in time, the agent as the server has them then, or throws an ApiError. */
  constructor({ save }) {
    this.#save = save;
    this.#form.addEventListener("change", ({ target }) => this.#changed(target));
    this.#form.addEventListener("submit", (event) => {
      // Enter in the number: it is saved by the change that comes first.
      event.preventDefault();
      this.#panel.hidePopover();
    });
    this.#panel.addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#opens());
    this.#panel.addEventListener("toggle", ({ newState }) => {
      if (newState === "open") this.#form.querySelector("input:checked")?.focus();
    });
  }

  get isAutoAway() {
    return this.#agent?.availability === "online" && this.#agent.state === "away";
  }

  /** Shows the agent as the server knows them; a `pong` brings only what changes. */
  show(agent) {
    this.#agent = { ...this.#agent, ...agent };
    if (!this.#agent.availability) return;
    this.#button.hidden = false;
    const { label, presence, hint } = describe(this.#agent);
    this.#button.querySelector(".dot").dataset.presence = presence;
    setText(document.getElementById("availability-label"), label);
    setText(document.getElementById("availability-hint"), hint);
    setText(document.getElementById("availability-load"), `now ${this.#agent.load}`);
    if (!this.#isSaving) this.#fill();
  }

  #fill() {
    const { availability, capacity } = this.#agent;
    this.#form.elements.availability.value = availability;
    // Not under the agent's hands.
    if (document.activeElement !== this.#capacity) this.#capacity.value = capacity ?? "";
  }

  #opens() {
    setText(document.getElementById("availability-problem"), "");
    setText(document.getElementById("availability-saved"), "");
    this.#fill();
    const { bottom, right } = this.#button.getBoundingClientRect();
    this.#panel.style.setProperty("--below", `${bottom}px`);
    this.#panel.style.setProperty("--from-right", `${document.documentElement.clientWidth - right}px`);
  }

  /** Asks the server for `changes`, {availability} or {capacity}, and shows what came of it. */
  async change(changes) {
    const problem = document.getElementById("availability-problem");
    const saved = document.getElementById("availability-saved");
    setText(saved, "");
    this.#isSaving = true;
    try {
      const agent = await this.#save(changes);
      setText(problem, "");
      setText(saved, "Saved");
      this.#isSaving = false;
      this.show(agent);
    } catch (error) {
      this.#isSaving = false;
      this.#fill();
      // Asked for from elsewhere, the refusal still has to be seen.
      if (!this.#panel.matches(":popover-open")) this.#panel.showPopover();
      setText(problem, error.details?.fields?.capacity ?? error.message);
    }
  }

  #changed({ name, value, validity, validationMessage }) {
    if (name !== "capacity") this.change({ [name]: value });
    else if (validity.valid) this.change({ capacity: value === "" ? null : Number(value) });
    else setText(document.getElementById("availability-problem"), validationMessage);
  }
}
