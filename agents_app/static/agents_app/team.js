/** The view Team: who is there, what they have, and who waits for whom. */

import { formatAddress, sessionsQuery } from "./address.js";
import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import { describeSpan, formatSpan, since, statusText, visitorName } from "./format.js";
import { Latest } from "./latest.js";

const STATES = ["online", "away", "offline"];
const STATE_WORDS = { online: "Online", away: "Away", offline: "Offline" };

/** Who can help first, by name. */
export function sortedAgents(agents) {
  return [...agents].sort(
    (a, b) =>
      STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.name.localeCompare(b.name) || a.id - b.id,
  );
}

export function loadText({ load, capacity }) {
  const chats = load === 1 && capacity === null ? "chat" : "chats";
  return capacity === null ? `${load} ${chats}` : `${load} of ${capacity} chats`;
}

export function stateText({ state, last_seen_at: lastSeenAt }, now, { isCutOff = false } = {}) {
  const gone = since(lastSeenAt, now);
  if (isCutOff && state !== "offline") return `Was ${state}`;
  if (state !== "offline") return STATE_WORDS[state];
  return gone === null ? "Never here" : `Offline, last seen ${describeSpan(gone)} ago`;
}

/** Whose visitor waits for an answer, longest first. */
export function waitingOf(sessions) {
  const waiting = sessions.filter((session) => session.waiting_since);
  return waiting.sort((a, b) => Date.parse(a.waiting_since) - Date.parse(b.waiting_since));
}

/** Who waits behind those of the first page, as far as the server counts them. */
export function moreText({ sessions, pages, counts }) {
  // The waiting come first: where the page has others, it has all that wait.
  if (pages < 2 || sessions.some((session) => !session.waiting_since)) return "";
  const isInQueue = ({ status, presence }) => status === "queued" && presence !== "gone";
  const more = counts.queue - sessions.filter(isInQueue).length;
  return more > 0 ? `and ${more} more in the queue` : "and more";
}

export class TeamView {
  #state;
  #base;
  #latest;
  #isShown = false;

  constructor(state, { api, base, onCounts }) {
    this.#state = state;
    this.#base = base;
    this.#latest = new Latest({
      ask: async () => {
        const open = sessionsQuery({ view: "all", filters: {} });
        const [{ agents }, found] = await Promise.all([api.agents(), api.sessions(open)]);
        onCounts(found.counts);
        return { ...found, agents };
      },
      onChange: () => this.render(),
    });
    this.#byId("team-retry").addEventListener("click", () => this.refresh());
  }

  show() {
    this.#isShown = true;
    if (this.#latest.question === null) this.#latest.ask("team");
    this.render();
  }

  hide() {
    this.#isShown = false;
    this.#latest.rest();
  }

  refresh() {
    this.#latest.again();
  }

  beat() {
    this.refresh();
  }

  apply(type) {
    if (type === "session.changed" || type === "agent.changed") this.#latest.againSoon();
  }

  render() {
    if (!this.#isShown) return;
    const { answer, isPending, problem } = this.#latest;
    const agents = sortedAgents(answer?.agents ?? []);
    const waiting = waitingOf(answer?.sessions ?? []);
    this.#byId("team").setAttribute("aria-busy", String(isPending && !answer));
    this.#byId("team-problem").hidden = !problem;
    setText(this.#byId("team-problem-text"), problem?.message ?? "");
    this.#byId("team-loading").hidden = Boolean(answer || problem);
    this.#byId("team-tables").hidden = !answer;
    this.#byId("team-reassign").hidden = !this.#state.agent?.is_supervisor || waiting.length === 0;
    this.#byId("waits-empty").hidden = waiting.length > 0;
    this.#byId("waits-table").hidden = waiting.length === 0;
    reconcile(this.#byId("waits"), waiting, {
      key: (session) => session.session_id,
      create: () => fromTemplate("waits-template"),
      update: (node, session) => this.#updateWaiting(node, session),
    });
    setOptional(this.#byId("waits-more"), answer ? moreText(answer) : "");
    reconcile(this.#byId("agents"), agents, {
      key: (agent) => String(agent.id),
      create: () => fromTemplate("agent-template"),
      update: (node, agent) => this.#updateAgent(node, agent),
    });
  }

  #updateWaiting(node, session) {
    const { agent, now } = this.#state;
    const link = part(node, "link");
    link.href = formatAddress(this.#base, { view: "all", chat: session.session_id });
    setText(link, visitorName(session));
    setText(part(node, "wait"), formatSpan(since(session.waiting_since, now)));
    // The table says already that they wait.
    setText(part(node, "who"), session.status === "queued" ? "Queue" : statusText(session, agent?.id));
    setOptional(part(node, "website"), this.#hasWebsites ? session.tenant_name : "");
  }

  #updateAgent(node, agent) {
    const isMe = agent.id === this.#state.agent?.id;
    const picture = part(node, "picture");
    picture.hidden = !agent.picture;
    if (agent.picture && picture.getAttribute("src") !== agent.picture)
      picture.setAttribute("src", agent.picture);
    setText(part(node, "initial"), agent.picture ? "" : ([...agent.name][0]?.toLocaleUpperCase() ?? "#"));
    setText(part(node, "name"), agent.name);
    setOptional(part(node, "me"), isMe ? "you" : "");
    part(node, "dot").dataset.presence = agent.state === "offline" ? "gone" : agent.state;
    setText(part(node, "state"), stateText(agent, this.#state.now, this.#state));
    const link = part(node, "load");
    link.href = formatAddress(this.#base, {
      view: "all",
      filters: { agent: isMe ? "me" : String(agent.id) },
    });
    setText(link, loadText(agent));
    node.classList.toggle("is-full", agent.capacity !== null && agent.load >= agent.capacity);
  }

  /** Whoever works for one website knows which. */
  get #hasWebsites() {
    return (this.#state.agent?.tenants?.length ?? 0) > 1;
  }

  #byId(id) {
    return document.getElementById(id);
  }
}
