/** The views All and History: chats that the server finds, page by page. */

import { formatAddress, sessionsQuery } from "./address.js";
import { setOptional, setText } from "./dom.js";
import { FiltersView } from "./filters.js";
import { isOver, shortWhy, statusText } from "./format.js";
import { Latest } from "./latest.js";
import { renderRows } from "./rows.js";

const WORDS = {
  all: {
    title: "All open chats",
    none: "No chat is open.",
    search: "Name, e-mail, reference",
    invitation: "Whoever has waited longest stands at the top.",
  },
  history: {
    title: "History",
    none: "No chat has been closed yet.",
    search: "Words, name, e-mail, reference",
    invitation: "Search for what was said, a name, an e-mail address or a reference.",
  },
};

/** `answer` with what a frame says of the chats in it; the same object when it says nothing of them. */
export function withNews(answer, type, payload) {
  const news = newsOf(type, payload);
  const known = news && answer.sessions.find(({ session_id }) => session_id === news.session_id);
  // Events of different processes may overtake each other.
  if (!known || news.last_seq < known.last_seq) return answer;
  const changed = { ...known, ...news };
  // What was closed is no open chat any more, and what was reopened is no history.
  const sessions = answer.sessions
    .map((session) => (session === known ? changed : session))
    .filter((session) => session !== changed || isOver(changed) === isOver(known));
  return { ...answer, sessions };
}

/** Whether a view has to be asked for again when `session` changes: an open chat is in no history. */
export function concerns(view, answer, session) {
  const isShown = answer?.sessions.some(({ session_id }) => session_id === session.session_id);
  return view !== "history" || isOver(session) || Boolean(isShown);
}

function newsOf(type, payload) {
  if (type === "session.changed") return payload.session;
  if (type === "session.presence") return payload;
  if (type !== "chat.message.new") return null;
  const { message } = payload;
  const news = { session_id: message.session_id, last_seq: message.seq, last_message: message };
  return message.sender_type === "system" ? news : { ...news, last_text: message };
}

/** How many chats were found, as far as the server counts them. */
export function countText({ total, is_capped }) {
  return `${total.toLocaleString("en")}${is_capped ? "+" : ""} ${total === 1 ? "chat" : "chats"}`;
}

/** What stands below a row: who has the chat, or why it is over. */
export function rowNote(session, agentId) {
  return isOver(session) ? shortWhy(session) : statusText(session, agentId);
}

export class FoundView {
  #state;
  #api;
  #base;
  #drafts;
  #address = null;
  #latest;
  #filters;
  #colleagues = [];
  #tags = [];
  #offered = "";

  /** `onGo(address, {replace})` is where the agent wants to go; `onCounts` gets what comes with an answer. */
  constructor(state, { api, base, drafts, onGo, onCounts }) {
    this.#state = state;
    this.#api = api;
    this.#base = base;
    this.#drafts = drafts;
    const ask = async (question) => {
      const answer = await api.sessions(question);
      onCounts(answer.counts);
      return answer;
    };
    const onChange = () => this.render();
    this.#latest = { all: new Latest({ ask, onChange }), history: new Latest({ ask, onChange }) };
    this.#filters = new FiltersView({
      base,
      onChange: (filters, { isTyping }) => {
        onGo({ ...this.#address, filters: { ...filters, page: "" } }, { replace: isTyping });
      },
    });
    this.#byId("found-retry").addEventListener("click", () => this.refresh());
    this.#byId("found-pager").addEventListener("click", () => this.#byId("found-title").focus());
  }

  show(address) {
    if (this.#address?.view !== address.view) {
      this.hide();
      this.#askForChoices();
    }
    this.#address = address;
    this.#filters.show(address);
    const question = sessionsQuery(address);
    if (question !== this.#current.question) {
      document.getElementById("lists").scrollTop = 0;
      this.#current.ask(question);
    }
    this.render();
  }

  /** What to do where no chat is open. */
  get invitation() {
    return WORDS[this.#address.view].invitation;
  }

  hide() {
    if (!this.#address) return;
    this.#current.rest();
    this.#filters.hide();
    this.#address = null;
  }

  /** The same once more: the connection is back, or somebody wants to try again. */
  refresh() {
    this.#current.again();
  }

  /** Of colleagues' chats, not everything rings here. */
  beat() {
    if (this.#address.view === "all") this.refresh();
  }

  apply(type, payload) {
    const { answer } = this.#current;
    if (answer) this.#current.answer = withNews(answer, type, payload);
    // One that has come, or has found another place: only the server knows which page it belongs to.
    if (type === "session.changed" && concerns(this.#address.view, answer, payload.session)) {
      this.#current.againSoon();
    }
  }

  render() {
    if (!this.#address) return;
    const { view } = this.#address;
    const { answer, isCurrent, isPending, problem } = this.#current;
    const sessions = answer?.sessions ?? [];
    const isNarrowed = Object.keys(this.#address.filters).length > 0;
    this.#offerChoices();
    setText(this.#byId("found-title"), WORDS[view].title);
    this.#byId("q").placeholder = WORDS[view].search;
    this.#byId("found").setAttribute("aria-busy", String(isPending));
    this.#byId("found-rows").classList.toggle("is-stale", !isCurrent);
    setText(this.#byId("found-count"), isCurrent ? countText(answer) : isPending ? "Searching…" : "");
    this.#byId("found-problem").hidden = !problem;
    setText(this.#byId("found-problem-text"), problem?.message ?? "");
    const isEmpty = isCurrent && sessions.length === 0;
    setOptional(this.#byId("found-empty"), isEmpty ? (isNarrowed ? "Nothing fits." : WORDS[view].none) : "");
    this.#link("found-clear", isEmpty && isNarrowed, {});
    renderRows(this.#byId("found-rows"), sessions, {
      state: this.#state,
      drafts: this.#drafts,
      href: (session) => formatAddress(this.#base, { ...this.#address, chat: session.session_id }),
      note: (session) => rowNote(session, this.#state.agent?.id),
    });
    this.#renderPager(answer);
  }

  #renderPager(answer) {
    const { page = 1, pages = 1, is_capped: isCapped } = answer ?? {};
    const { filters } = this.#address;
    this.#byId("found-pager").hidden = pages < 2;
    this.#link("found-newer", page > 1, { ...filters, page: page - 1 });
    this.#link("found-older", page < pages, { ...filters, page: page + 1 });
    setText(this.#byId("found-page"), `Page ${page} of ${pages}${isCapped ? "+" : ""}`);
  }

  #link(id, isShown, filters) {
    const link = this.#byId(id);
    link.hidden = !isShown;
    link.href = formatAddress(this.#base, { ...this.#address, filters });
  }

  get #current() {
    return this.#latest[this.#address.view];
  }

  /** Without them one can still search; the next visit to the view asks again. */
  async #askForChoices() {
    const [agents, tags] = await Promise.allSettled([this.#api.agents(), this.#api.tags()]);
    if (agents.value) this.#colleagues = agents.value.agents;
    if (tags.value) this.#tags = tags.value.tags;
    this.render();
  }

  #offerChoices() {
    const { agent } = this.#state;
    const websites = agent?.tenants ?? [];
    const others = this.#colleagues.filter(({ id }) => id !== agent?.id);
    const choices = {
      agent: [["me", "Me"], ["none", "Nobody"], ...others.map(({ id, name }) => [String(id), name])],
      tag: [...new Set(this.#tags.map(({ name }) => name))].map((name) => [name, name]),
      tenant: websites.length > 1 ? websites.map(({ slug, name }) => [slug, name]) : [],
    };
    const offered = JSON.stringify(choices);
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#filters.offer(choices);
  }

  #byId(id) {
    return document.getElementById(id);
  }
}
