/** How the console words things. Pure: values in, text out; no DOM, no clock of its own. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A span in milliseconds as `0:07`, `2:10`, `1:02:03`; never negative. */
export function formatSpan(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** The same span for a glance: `45 s`, `12 min`, `3 h 5 min`. */
export function describeSpan(milliseconds) {
  const span = Math.max(0, milliseconds);
  if (span < MINUTE) return `${Math.floor(span / 1000)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  const minutes = Math.floor((span % HOUR) / MINUTE);
  return minutes ? `${Math.floor(span / HOUR)} h ${minutes} min` : `${Math.floor(span / HOUR)} h`;
}

/** The same span as the server's lines tell it: `45 seconds`, `12 minutes`. */
function spellSpan(milliseconds) {
  const minutes = Math.round(milliseconds / MINUTE);
  if (minutes > 1) return `${minutes} minutes`;
  const seconds = Math.round(milliseconds / 1000);
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

/** Milliseconds from an ISO time to `now`; null when there is no such time. */
export function since(iso, now) {
  const at = Date.parse(iso ?? "");
  return Number.isNaN(at) ? null : now - at;
}

/** As clocks are read there: `1:54 AM` or `01:54`. (`hour: "numeric"` would take the nought away.) */
export function formatTime(iso, locale) {
  return new Date(iso).toLocaleTimeString(locale, { timeStyle: "short" });
}

/** A time of today, else with its day. */
function formatMoment(iso, now, locale) {
  const isToday = new Date(iso).toDateString() === new Date(now).toDateString();
  const time = formatTime(iso, locale);
  const day = new Date(iso).toLocaleDateString(locale, { day: "numeric", month: "short" });
  return isToday ? time : `${day}, ${time}`;
}

/** `Today`, `Yesterday` or a date, by the reader's calendar. */
export function formatDay(iso, now, locale) {
  const day = new Date(iso);
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (day.toDateString() === new Date(now).toDateString()) return "Today";
  if (day.toDateString() === yesterday.toDateString()) return "Yesterday";
  return day.toLocaleDateString(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

/** What to call a visitor: the name, else the reference that they can read out. */
export function visitorName(session) {
  return session.customer_name?.trim() || session.conversation_id;
}

export function initial(session) {
  return [...(session.customer_name?.trim() ?? "")][0]?.toLocaleUpperCase() ?? "#";
}

/** The first line of what was said last, with who said it when it was not the visitor. */
export function lastLine(session) {
  const message = session.last_text;
  if (!message) return "";
  const line = message.body.trim().split("\n", 1)[0];
  return message.sender_type === "agent" ? `${message.sender_name}: ${line}` : line;
}

/** Until when an agent holds the session open, such as `held open until 15:40`; empty when nobody does (any more). */
export function heldText(session, now, locale) {
  const isHeld = !isOver(session) && Date.parse(session.held_until ?? "") > now;
  return isHeld ? `held open until ${formatTime(session.held_until, locale)}` : "";
}

/** Milliseconds until the idle rule takes it, once the website's warning time has begun; else null. */
function closingIn(session, now) {
  // Idle chats are announced earlier than that: what is further off is no news yet.
  const left = Math.max(Date.parse(session.expires_at ?? ""), Date.parse(session.held_until) || 0) - now;
  return left > 0 && left <= session.expiry_warning_ms ? left : null;
}

/** Whether the visitor is there, in words. The sweep comes every few minutes, so one can be gone for longer. */
export function presenceText(session, now, locale) {
  const gone = since(session.last_seen_at, now);
  if (isOver(session)) return gone === null ? "" : `Last seen ${describeSpan(gone)} ago`;
  const held = heldText(session, now, locale);
  if (session.presence !== "gone") {
    const closing = closingIn(session, now);
    const fate = closing === null ? held : `idle: will be closed in ${formatSpan(closing)}`;
    return [session.presence === "online" ? "Online" : "Away (tab hidden)", fate].filter(Boolean).join(", ");
  }
  if (gone === null) return "Gone";
  const limit = goneLimit(session, now);
  if (limit === null) return `Gone for ${formatSpan(gone)}, ${held}`;
  if (gone < limit) return `Gone for ${formatSpan(gone)}, will be abandoned at ${formatSpan(limit)}`;
  return `Gone for ${formatSpan(gone)}, about to be abandoned`;
}

/** What was known of it last, by a console that is cut off: nobody is known to be there any more, or gone. */
export function lastPresenceText(session, now, locale) {
  if (isOver(session)) return presenceText(session, now, locale);
  const was = session.presence === "away" ? "away (tab hidden)" : session.presence;
  return [`Was ${was}`, heldText(session, now, locale)].filter(Boolean).join(", ");
}

/** What is about to take an open chat, for a row, as short as it can be told; empty where nothing is. */
export function presenceMark(session, now) {
  if (isOver(session)) return "";
  if (session.presence !== "gone") {
    const closing = closingIn(session, now);
    return closing === null ? "" : `closes in ${formatSpan(closing)}`;
  }
  const gone = since(session.last_seen_at, now);
  const limit = goneLimit(session, now);
  if (gone === null || limit === null) return "gone";
  return gone < limit ? `gone ${formatSpan(gone)} of ${formatSpan(limit)}` : `gone ${formatSpan(gone)}`;
}

/** For how long one may be gone, in milliseconds; null where a hold lasts longer than that. */
function goneLimit(session, now) {
  const { held_until, last_seen_at, disconnect_timeout_ms: timeout } = session;
  const held = Date.parse(held_until ?? "");
  return held > now && held > Date.parse(last_seen_at) + timeout ? null : timeout;
}

export function isOver(session) {
  return session.status === "ended" || session.status === "abandoned";
}

const REASONS = {
  visitor: () => "The visitor ended this chat.",
  agent: (session) => `${session.agent_name || "An agent"} ended this chat.`,
  admin: () => "An admin ended this chat.",
  idle: () => "Abandoned: the visitor was inactive for too long.",
  disconnected: () => "Abandoned: the visitor left and did not come back in time.",
};

/** Why a session is over, as a sentence; empty for one that is not. */
export function overText(session, now, locale) {
  if (!isOver(session)) return "";
  if (Date.parse(session.restorable_until ?? "") > now) return restorableText(session, now, locale);
  return REASONS[session.reason]?.(session) ?? "This chat is over.";
}

/** The visitor may be back at any moment, and with the visitor the chat. */
function restorableText({ closed_at, last_seen_at, restorable_until }, now, locale) {
  const [closed, seen, until] = [closed_at, last_seen_at, restorable_until].map((iso) =>
    formatMoment(iso, now, locale),
  );
  return `Abandoned at ${closed}: the visitor has been gone since ${seen}. The chat comes back if the visitor returns by ${until}.`;
}

const STAGES = {
  never_engaged: "The visitor never wrote.",
  missed: "The visitor was never answered.",
  waiting_for_agent: "The visitor was waiting for an answer.",
  answered: "The visitor had been answered.",
};

/** How far an abandoned session had come, as a sentence; empty for any other. */
export function stageText(session) {
  return (session.status === "abandoned" && STAGES[session.stage]) || "";
}

/** When, as short as a list has room for: a time of today, else a day. */
export function shortDay(iso, now, locale) {
  const day = formatDay(iso, now, locale);
  if (day === "Today") return formatTime(iso, locale);
  if (day === "Yesterday") return day;
  const isThisYear = new Date(iso).getFullYear() === new Date(now).getFullYear();
  const options = { day: "numeric", month: "short", ...(!isThisYear && { year: "numeric" }) };
  return new Date(iso).toLocaleDateString(locale, options);
}

// The words of filters, reports and admin: sessions_app/models/choices.py.
const SHORT_REASONS = {
  visitor: () => "Ended by the visitor",
  agent: (session) => `Ended by ${session.agent_name || "an agent"}`,
  admin: () => "Ended by an admin",
  idle: () => "Inactive",
  disconnected: () => "Left",
};

const SHORT_STAGES = {
  never_engaged: "Never wrote",
  missed: "Never answered",
  waiting_for_agent: "Waiting for an answer",
  answered: "Answered",
};

/** Why a session is over, and how far an abandoned one had come, for a row; empty for one that is not. */
export function shortWhy(session) {
  if (!isOver(session)) return "";
  const reason = SHORT_REASONS[session.reason]?.(session) ?? "Over";
  const stage = session.status === "abandoned" && SHORT_STAGES[session.stage];
  return stage ? `${reason}, ${stage.toLowerCase()}` : reason;
}

/** What the visitor thought of it; empty before that is known. */
export function ratingText({ rating }) {
  if (!rating) return "";
  return `${rating.score} of 5${rating.comment ? `: ${rating.comment}` : ""}`;
}

/** Where a session stands, for the visitor panel. */
export function statusText(session, agentId) {
  if (session.status === "active") {
    return session.assigned_to_id === agentId ? "With you" : `With ${session.agent_name || "another agent"}`;
  }
  if (session.status === "queued")
    return session.waiting_since ? "Waiting in the queue" : "Has not written yet";
  return session.status === "abandoned" ? "Abandoned" : "Ended";
}

/** The address, or null when it is not safe to follow: a visitor could report a `javascript:` page. */
export function safePageUrl(address) {
  try {
    const url = new URL(address);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/** Such as "48 kB". */
export function formatSize(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Host and path, without the noise of scheme and query. */
export function shortUrl(address) {
  const url = new URL(address);
  return url.host + (url.pathname === "/" ? "" : url.pathname);
}

const SOON_MS = 15_000;

/** What to say about the connection, which has been missing for `goneMs`; nothing while all is well. */
export function connectionText({ isLive, isOnline, hasBeenLive, goneMs = 0, keepsTexts = false }) {
  if (!isOnline) return `You are offline.${keepsTexts ? " What you write is sent when you are back." : ""}`;
  if (isLive) return "";
  const text = hasBeenLive ? "Reconnecting…" : "Connecting…";
  return goneMs > SOON_MS ? `${text} No answer yet.` : text;
}

/** A language by its name, such as "German (de-AT)"; the tag itself where that is none. */
export function languageName(tag) {
  try {
    const name = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" }).of(tag);
    return name ? `${name} (${tag})` : tag;
  } catch {
    return tag;
  }
}

/** What a clock shows where the visitor is, such as "14:05, Europe/Berlin"; empty for a zone that is none. */
export function localTime(timezone, now, locale) {
  if (!timezone) return "";
  try {
    const clock = { timeStyle: "short", timeZone: timezone };
    return `${new Date(now).toLocaleTimeString(locale, clock)}, ${timezone.replaceAll("_", " ")}`;
  } catch {
    return "";
  }
}

const ASIDES = {
  left: () => "The visitor left",
  back: ({ at, gone_since }) =>
    `The visitor came back after ${spellSpan(Date.parse(at) - Date.parse(gone_since))}`,
  // Not until when: its own time stands behind each line, and two of them side by side are hard to tell apart.
  held: ({ agent_name, at, held_until }) =>
    `${agent_name} held the chat open for ${describeSpan(Date.parse(held_until) - Date.parse(at))}`,
  let_go: ({ agent_name }) => `${agent_name} let the chat go again`,
};

/** What stands between the messages: a visitor's going or coming, a hold. Of a kind that is newer than this page, "". */
export function asideText(entry) {
  return ASIDES[entry.kind]?.(entry) ?? "";
}

/** How busy an agent is, such as "Online, 3 of 5 chats". */
export function busyText({ state, load, capacity }) {
  const chats = `${load}${capacity === null ? "" : ` of ${capacity}`} ${load === 1 && capacity === null ? "chat" : "chats"}`;
  return `${state[0].toUpperCase()}${state.slice(1)}, ${chats}`;
}

/** How many of my chats wait for me, such as "2 need an answer"; empty for none. */
export function needText(count) {
  if (!count) return "";
  return count === 1 ? "1 needs an answer" : `${count} need an answer`;
}

/** What to do where no chat is open, as `[title, text]`. */
export function invitationText({ unanswered, queued }) {
  if (unanswered) return ["Choose a chat", `Of your chats, ${needText(unanswered)}.`];
  if (queued) return ["Choose a chat", "Whoever has waited longest stands at the top of the queue."];
  return ["All quiet", "Nobody is waiting. New visitors appear on the left by themselves."];
}

/** Who else writes in a chat, `isToo` in which oneself does; empty for nobody. */
export function othersTypingText(names, isToo) {
  if (!names.length) return "";
  const who = names.length > 2 ? `${names.length} colleagues` : names.join(" and ");
  return `${who} ${names.length > 1 ? "are" : "is"} typing in this chat${isToo ? ", too" : ""}.`;
}

const OUTCOMES = {
  expired: "too long ago",
  ended: "it had ended",
  abandoned: "it had been abandoned",
  not_found: "the server did not know it",
  network: "the network failed",
  storage: "the browser had lost it",
};

/** Why the visitor has a new chat and not the one before. */
export function outcomeText(outcome) {
  return outcome ? `Not taken up again: ${OUTCOMES[outcome] ?? outcome}` : "";
}
