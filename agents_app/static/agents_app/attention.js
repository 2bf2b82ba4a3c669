/**
 * Decides what deserves the agent's attention, by comparing what the console shows now with what it showed
 * before. Pure. Since it compares views and not events, what a snapshot makes good rings all the same, once.
 */

import { lastLine, visitorName } from "./format.js";
/** What one can be told about, the most urgent first. */
export const KINDS = ["assignment", "message", "queue"];

export class Attention {
  // By session id: {place, since, seq}; null until the first snapshot, which is all old.
  #known = null;

  /**
   * What is new in `state` since the last call: `[{kind, id, mark, session, isSeen}]`. `mark` grows with each
   * news of this kind about the chat; `isSeen` is what the agent looks at. `isSnapshot`: the lists were
   * replaced.
   */
  observe(state, { isWatching, isSnapshot = false }) {
    if (!state.loaded) return [];
    const before = this.#known;
    this.#known = new Map();
    for (const session of state.queue) this.#keep(session, "queue");
    for (const session of state.mine) this.#keep(session, "mine");
    if (before === null) return [];
    for (const [id, known] of before) {
      if (this.#known.has(id)) continue;
      // Out of the queue, yet no news when it stands there again: its visitor's connection comes and goes.
      if (state.sessions.get(id)?.status === "queued") this.#known.set(id, known);
      // A snapshot does not say why it is missing.
      else if (known.place === "queue" && (isSnapshot || known.isMissing)) {
        this.#known.set(id, { ...known, isMissing: true });
      }
    }
    const news = [...this.#known].flatMap(([id, now]) => {
      const session = state.sessions.get(id);
      const alert = session && whatIsNew(before.get(id), now, session);
      return alert ? [{ ...alert, id, session }] : [];
    });
    return news.map((alert) => ({ ...alert, isSeen: isWatching && state.openId === alert.id }));
  }

  #keep(session, place) {
    this.#known.set(session.session_id, {
      place,
      since: Date.parse(session.waiting_since ?? ""),
      seq: session.last_seq,
    });
  }
}

function whatIsNew(before, now, session) {
  if (now.place === "queue") {
    const isOld = before?.place === "queue" && before.since === now.since;
    return isOld ? null : { kind: "queue", mark: now.since };
  }
  if (before?.place !== "mine") return { kind: "assignment", mark: now.seq };
  return now.seq > before.seq && isFromVisitor(before, now, session)
    ? { kind: "message", mark: now.seq }
    : null;
}

/** A system line may hide the visitor's message before it; that somebody began to wait gives it away. */
function isFromVisitor(before, now, { last_message: last }) {
  if (last?.sender_type === "system") return now.since > 0 && !(before.since > 0);
  return last?.sender_type === "visitor";
}

/** Whether an alert still says something: the chat may have been accepted or read elsewhere meanwhile. */
export function isCurrent({ kind, id }, state) {
  if (kind === "queue") return state.queue.some((session) => session.session_id === id);
  const session = state.sessions.get(id);
  return Boolean(session) && state.isMine(session) && (kind === "assignment" || state.unread(session) > 0);
}

/** How much waits for this agent: who is in the queue, and the chats of mine that are new or have something unread. */
export function openCount(state) {
  const isOpen = (session) => state.unread(session) > 0 || state.isNew(session);
  return state.queue.length + state.mine.filter(isOpen).length;
}

/**
 * What to do about `alerts`: `{sound, notifications: [{tag, title, body, alerts}], words}`. `sound` is the
 * most urgent kind that may sound, or null; `wants(kind, way)` says what is switched on. Who has the console in
 * front of them needs no notification: `words` are for a screen reader instead.
 */
export function plan(alerts, { wants, isFocused }) {
  const sound = KINDS.find((kind) => wants(kind, "sound") && alerts.some((alert) => alert.kind === kind));
  const wanted = alerts.filter(({ kind }) => wants(kind, "notification"));
  return {
    sound: sound ?? null,
    notifications: isFocused ? [] : inWords(wanted),
    words: isFocused ? inWords(alerts).map(({ title, body }) => `${title}: ${body}`) : [],
  };
}

/** One for each chat, of its latest alert, and one for the queue. */
function inWords(alerts) {
  const queue = alerts.filter(({ kind }) => kind === "queue");
  const byChat = new Map(alerts.filter(({ kind }) => kind !== "queue").map((alert) => [alert.id, alert]));
  return [...[...byChat.values()].map(ofChat), ...(queue.length ? [ofQueue(queue)] : [])];
}

function ofChat(alert) {
  const name = visitorName(alert.session);
  const title = alert.kind === "assignment" ? `${name} is with you now` : name;
  return { tag: `chat:${alert.id}`, title, body: lastLine(alert.session), alerts: [alert] };
}

function ofQueue(alerts) {
  const names = alerts.map(({ session }) => visitorName(session));
  return alerts.length === 1
    ? { tag: "queue", title: `${names[0]} is waiting`, body: lastLine(alerts[0].session), alerts }
    : { tag: "queue", title: `${names.length} visitors are waiting`, body: names.join(", "), alerts };
}
