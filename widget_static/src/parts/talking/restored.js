// That a visitor was away is for the agents to know: who is back reads that the chat was restored, and no more.
const UNSAID = ["disconnected", "reopened"];

/** Whether a message tells of an absence of the visitor, who knows of it. */
export const isOfAbsence = ({ event }) => UNSAID.includes(event?.reason);

/**
 * The items, but for those of messages that are not for the visitor, and for the last one's where that tells of
 * the end: the notice below says it, too.
 */
export function withoutUnsaid(items, { store: { messages }, phase, ended }) {
  const last = messages[messages.length - 1];
  const unsaid = messages.filter(isOfAbsence);
  if (phase === "over" && last?.event && last.event.reason === ended.reason) unsaid.push(last);
  const seqs = new Set(unsaid.map(({ seq }) => seq));
  return items.filter(({ seq }) => !seqs.has(seq));
}

// What becomes of a chat whose visitor comes back too late.
const OF_ABSENCE = ["expired", "abandoned", "network"];

/** The items, under a line that says what became of the chat before, where something was said in that. */
export function markEarlier(items, { previous }, texts) {
  if (!previous?.last_seq) return items;
  const name = OF_ABSENCE.includes(previous.outcome) ? "earlier.away" : "earlier";
  return [{ key: "earlier", kind: "system", text: texts.get(name) }, ...items];
}

/** The items, with a line after what was said before this page was loaded. */
export function markRestored(items, { restoredAfter }, texts) {
  if (restoredAfter === null) return items;
  const line = { key: "restored", kind: "system", text: texts.get("restored") };
  const isNew = ({ at, seq = Infinity }) => at && seq > restoredAfter;
  const place = items.findIndex(isNew);
  return place < 0 ? [...items, line] : [...items.slice(0, place), line, ...items.slice(place)];
}
