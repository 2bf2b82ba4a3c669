/** The rail: where one can go, and what waits there. */

import { setText } from "./dom.js";

// The server sends no console more of the queue than this (selectors.CONSOLE_QUEUE).
const LONGEST_QUEUE = 200;

/** How many wait: the live list, unless there are more than it holds. */
export function queueLength(listed, counted = 0) {
  return listed < LONGEST_QUEUE ? listed : Math.max(listed, counted);
}

export class Rail {
  #counts = {};

  set counts(counts) {
    Object.assign(this.#counts, counts);
  }

  /** How many wait in the queue, of whom `listed` are known here. */
  queueLength(listed) {
    return queueLength(listed, this.#counts.queue);
  }

  show(view) {
    for (const link of document.querySelectorAll(".rail [data-view]")) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** What the window is called: by its view, except for the inbox, which is where agents are at home. */
  get title() {
    const link = document.querySelector('.rail [aria-current="page"]:not([data-view="inbox"])');
    return link ? `${link.querySelector("span").textContent} · Chat Center` : "Chat Center";
  }

  render(listed) {
    this.#badge("inbox", this.queueLength(listed));
    this.#badge("messages", this.#counts.offline ?? 0);
  }

  #badge(view, count) {
    const badge = document.querySelector(`.rail [data-view="${view}"] .badge`);
    badge.hidden = count === 0;
    setText(badge.firstElementChild, String(count));
  }
}
