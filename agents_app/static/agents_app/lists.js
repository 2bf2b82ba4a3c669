/** The inbox: who waits, and my chats. */

import { formatAddress } from "./address.js";
import { setOptional, setText } from "./dom.js";
import { needText } from "./format.js";
import { renderRows } from "./rows.js";

export class ListsView {
  #state;
  #base;
  #drafts;

  /** `base` is the console's address, under which each chat has its own; `drafts` are Drafts. */
  constructor(state, { base, drafts }) {
    this.#state = state;
    this.#base = base;
    this.#drafts = drafts;
  }

  /** `queueLength` is how many wait altogether; the list may have the first of them only. */
  render(queueLength) {
    const { queue, mine, loaded, unanswered } = this.#state;
    this.#renderList("queue", queue, queueLength);
    this.#renderList("mine", mine, mine.length);
    setOptional(document.getElementById("mine-needs"), loaded ? needText(unanswered) : "");
    const more = queueLength - queue.length;
    setOptional(
      document.getElementById("queue-more"),
      loaded && more > 0 ? `and ${more} more behind them` : "",
    );
  }

  /** Puts the focus on the row of chat `id`, for whoever comes back from it. */
  focus(id) {
    const links = document.querySelectorAll(`.rows [data-key="${CSS.escape(id)}"] a`);
    [...links].find((link) => link.checkVisibility())?.focus();
  }

  #renderList(name, sessions, count) {
    const { loaded } = this.#state;
    setText(document.getElementById(`${name}-count`), loaded ? String(count) : "");
    document.getElementById(`${name}-empty`).hidden = !loaded || sessions.length > 0;
    renderRows(document.getElementById(name), sessions, {
      state: this.#state,
      drafts: this.#drafts,
      href: ({ session_id: chat }) => formatAddress(this.#base, { view: "inbox", chat }),
    });
  }
}
