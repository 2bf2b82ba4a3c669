/** Summaries of sessions, as the server tells them: their order, which of two is newer, and what an event changes in one. */

export function isInQueue(session) {
  return session.status === "queued" && session.waiting_since !== null && session.presence !== "gone";
}

export function byWait(a, b) {
  return (
    Date.parse(a.waiting_since) - Date.parse(b.waiting_since) || a.session_id.localeCompare(b.session_id)
  );
}

export function byNeed(a, b) {
  if (a.waiting_since && b.waiting_since) return byWait(a, b);
  if (a.waiting_since || b.waiting_since) return a.waiting_since ? -1 : 1;
  return Date.parse(b.last_activity_at) - Date.parse(a.last_activity_at);
}

/** Whether the view knows what a pong's line says; a view that is ahead is no disagreement. */
export function agrees(known, { status, assigned_to_id, held_until, last_seq }) {
  const isSame = (field, value) => (known[field] ?? null) === (value ?? null);
  return (
    Boolean(known) &&
    isSame("status", status) &&
    isSame("assigned_to_id", assigned_to_id) &&
    isSame("held_until", held_until) &&
    known.last_seq >= last_seq
  );
}

/** The later of two summaries in what only grows: events of different processes may overtake each other. */
export function newest(known, incoming) {
  if (!known) return incoming;
  const merged = { ...incoming };
  for (const field of ["visitor_read_seq", "agent_read_seq"]) {
    merged[field] = Math.max(known[field] ?? 0, incoming[field] ?? 0);
  }
  if (known.last_seq > incoming.last_seq) {
    for (const field of NEWEST) merged[field] = known[field];
  }
  // Its event may have told it before the summary could; it stands as long as nobody uses the chat.
  if (known.last_activity_at === merged.last_activity_at) merged.expires_at ??= known.expires_at;
  return withRead(merged, "agent", merged.agent_read_seq);
}

const NEWEST = [
  "last_seq",
  "last_message",
  "last_activity_at",
  "expires_at",
  "waiting_since",
  "last_text",
  "unread",
];

/**
 * A summary of an event lacks `last_text` and `unread`: what is known of them goes on with its last message.
 * `isTold` is false where messages in between are unknown here, and a snapshot has to tell.
 */
export function withTexts(known, session) {
  if ("unread" in session) return { ...session, isTold: true };
  const { last_seq = 0, last_text = null, unread = 0 } = known ?? {};
  const before = { ...session, last_text, unread };
  if (session.last_seq <= last_seq) return { ...before, isTold: true };
  return { ...withText(before, session.last_message), isTold: session.last_seq === last_seq + 1 };
}

/** What a message changes of what was said last, and of what is unread; system lines say nothing. */
function withText(session, message) {
  if (!message || message.sender_type === "system") return session;
  return { ...session, last_text: message, unread: message.sender_type === "agent" ? 0 : session.unread + 1 };
}

export function withRead(session, by, seq) {
  const read = { ...session, [`${by}_read_seq`]: seq };
  const after = Math.max(0, (session.last_text?.seq ?? 0) - seq);
  return by === "agent" ? { ...read, unread: Math.min(session.unread, after) } : read;
}

/** What a message changes in its session: a visitor's starts the wait, an agent's ends it. */
export function withMessage(session, message) {
  const changed = { ...session, last_seq: message.seq, last_message: message };
  if (message.sender_type === "system") return changed;
  Object.assign(changed, withText(changed, message));
  changed.last_activity_at = message.created_at;
  changed.expires_at = null;
  changed.waiting_since =
    message.sender_type === "visitor" ? (session.waiting_since ?? message.created_at) : null;
  return changed;
}
