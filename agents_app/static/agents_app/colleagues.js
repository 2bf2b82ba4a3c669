/** Who else works here, as last heard: what a transfer can choose from, and whether a chat's agent is there. */

const STALE_AFTER_MS = 15_000;

export class Colleagues {
  /** Agents as `GET agents` tells them; empty before the first answer. */
  agents = [];
  #api;
  #state;
  #onChange;
  #asked = null;
  #askedAt = -Infinity;

  constructor(state, { api, onChange }) {
    this.#state = state;
    this.#api = api;
    this.#onChange = onChange;
  }

  /** Asks anew; one question at a time. Rejects with an ApiError. */
  load() {
    this.#askedAt = Date.now();
    this.#asked ??= this.#api
      .agents()
      .then(({ agents }) => {
        this.agents = agents;
        this.#onChange();
      })
      .finally(() => (this.#asked = null));
    return this.#asked;
  }

  /** Asks anew when the answer is old; a failure is tried again with the next call. */
  keepFresh() {
    if (Date.now() - this.#askedAt > STALE_AFTER_MS) this.load().catch(() => {});
  }

  /** The agent who has a chat, if known. */
  holder(session) {
    return this.agents.find(({ id }) => id === session.assigned_to_id) ?? null;
  }

  /** Whether the agent's console is closed; not known: no. */
  isAbsent(agent) {
    if (!agent) return false;
    const seen = Date.parse(agent.last_seen_at ?? "");
    return !(this.#state.now - seen < this.#state.policy.disconnect_timeout_ms);
  }

  /** Who can be given a chat of this website, the likeliest first: online before away, the least busy first. */
  candidates(tenant) {
    const order = ["online", "away", "offline"];
    const isPossible = (agent) =>
      agent.id !== this.#state.agent?.id && agent.tenants.includes(tenant) && !this.isAbsent(agent);
    return this.agents
      .filter(isPossible)
      .sort(
        (a, b) =>
          order.indexOf(a.state) - order.indexOf(b.state) || a.load - b.load || a.name.localeCompare(b.name),
      );
  }
}
