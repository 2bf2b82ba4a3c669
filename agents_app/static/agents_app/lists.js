/** The left pane: who waits, and my chats. */

import { fromTemplate, part, reconcile, setText } from "./dom.js";
import { formatSpan, initial, lastLine, since, visitorName } from "./format.js";

export class ListsView {
  #state;
  #base;

  /** `base` is the console's address, under which each chat has its own. */
  constructor(state, base) {
    this.#state = state;
    this.#base = base;
  }

  render() {
    this.#renderList("queue", this.#state.queue);
    this.#renderList("mine", this.#state.mine);
  }

  /** Puts the focus on the row of chat `id`, for whoever comes back from it. */
  focus(id) {
    document.querySelector(`.rows [data-key="${CSS.escape(id)}"] a`)?.focus();
  }

  #renderList(name, sessions) {
    const { loaded } = this.#state;
    setText(document.getElementById(`${name}-count`), loaded ? String(sessions.length) : "");
    document.getElementById(`${name}-empty`).hidden = !loaded || sessions.length > 0;
    reconcile(document.getElementById(name), sessions, {
      key: (session) => session.session_id,
      create: () => fromTemplate("row-template"),
      update: (node, session) => this.#updateRow(node, session),
    });
  }

  #updateRow(node, session) {
    const id = session.session_id;
    const link = node.firstElementChild;
    const path = `${this.#base}chats/${encodeURIComponent(id)}/`;
    if (link.getAttribute("href") !== path) link.setAttribute("href", path);
    if (id === this.#state.openId) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");

    setText(part(node, "initial"), initial(session));
    setText(part(node, "name"), visitorName(session));
    part(node, "dot").dataset.presence = session.presence;
    setText(part(node, "presence"), session.presence);

    const waited = since(session.waiting_since, this.#state.now);
    setText(part(node, "wait"), waited === null ? "" : formatSpan(waited));

    const isTyping = this.#state.isTyping(id);
    const line = part(node, "line");
    line.classList.toggle("is-typing", isTyping);
    setText(line, isTyping ? "is typing…" : lastLine(session));

    const unread = this.#state.isMine(session) ? this.#state.unread(session) : 0;
    part(node, "unread").hidden = unread === 0;
    setText(part(node, "count"), String(unread));
    link.classList.toggle("is-unread", unread > 0);
  }
}
