/**
 * What this console knows: a summary of each session that is queued or mine, and the opened chats.
 *
 * Pure: frames and the agent's intentions go in, and the methods answer with the frames to send next, as an
 * array of `{type, payload}`. There is one recovery: where view and server may differ, a fresh snapshot.
 */

import {
  agrees,
  byNeed,
  byWait,
  isInQueue,
  newest,
  withMessage,
  withRead,
  withTexts,
} from "./summaries.js";

const HISTORY_LIMIT = 100;
const TYPING_LASTS_MS = 8_000;
const RESEND_AFTER_MS = 10_000;
const KEPT_SENT = 50;
const BACK_LASTS_MS = 60_000;

export class ConsoleState {
  /** What `agents/me` answers; null before the first snapshot. */
  agent = null;
  /** `{queue, mine, open, offline}` as the database had them at the last beat; null before that. */
  counts = null;
  policy = { heartbeat_interval_ms: 30_000 };
  /** Summaries of what is queued or mine, by session id. */
  sessions = new Map();
  /** Opened chats, by session id: see #chat(). */
  chats = new Map();
  /** The chat on the screen. */
  openId = null;
  /** Whether all this may be old, since the server cannot be reached: ConnectionLine says so. */
  isCutOff = false;

  #MessageStore;
  #clock;
  #clockOffset = 0;
  #snapshotAsked = false;
  #typing = new Map();
  // Until when it is news that a visitor has come back, by session id.
  #back = new Map();
  // Of other agents: {session_id: {name: until}}.
  #colleaguesTyping = new Map();
  #unseenNotes;
  // When the newest note of a colleague was written, by session id: also of chats that may come to me later.
  #noteTimes = new Map();
  #arrivals;
  // Client ids of what was sent from here.
  #sent = new Set();

  /**
   * `MessageStore` is the widget's; `unseenNotes` and `arrivals`, the chats that came to me, are Unseen; `clock`
   * answers this machine's milliseconds.
   */
  constructor({ MessageStore, unseenNotes, arrivals, clock = Date.now }) {
    this.#MessageStore = MessageStore;
    this.#unseenNotes = unseenNotes;
    this.#arrivals = arrivals;
    this.#clock = clock;
  }

  // What the views read

  /** The server's time in milliseconds: an agent's clock may be wrong, waiting times may not. */
  get now() {
    return this.#clock() + this.#clockOffset;
  }

  /** Whether a first snapshot has come; until then an empty list means nothing. */
  get loaded() {
    return this.agent !== null;
  }

  /** Who waits for an agent, longest wait first. */
  get queue() {
    return [...this.sessions.values()].filter(isInQueue).sort(byWait);
  }

  /** My chats: those that wait for my answer first, longest wait first, then the latest. */
  get mine() {
    return [...this.sessions.values()].filter((session) => this.isMine(session)).sort(byNeed);
  }

  /** How many chats of mine wait for my answer. */
  get unanswered() {
    return this.mine.filter((session) => session.waiting_since).length;
  }

  isMine(session) {
    return session.status === "active" && session.assigned_to_id === this.agent?.id;
  }

  summary(id) {
    return this.sessions.get(id) ?? this.chats.get(id)?.session ?? null;
  }

  get openChat() {
    return this.chats.get(this.openId) ?? null;
  }

  /** The open chat's summary, as far as it may be shown. */
  get openSession() {
    return this.openChat?.problem ? null : this.summary(this.openId);
  }

  /** The visitor's messages after what an agent has read or written. */
  unread(session) {
    return session.unread ?? 0;
  }

  /** Whether it has come to me, from a colleague or by itself, and was not opened since. */
  isNew(session) {
    return this.isMine(session) && this.#arrivals.has(session.session_id);
  }

  /** What became of what was written here: "failed" of any, "sending" when one has been on its way for long, or "". */
  unsent(id) {
    const chat = this.chats.get(id);
    const entries = chat ? [...chat.store.outbox, ...chat.noteOutbox] : [];
    if (entries.some(({ state }) => state === "failed")) return "failed";
    const isLong = ({ created_at }) => this.#clock() - Date.parse(created_at) > RESEND_AFTER_MS;
    return entries.some(isLong) ? "sending" : "";
  }

  /** Whether a colleague has left a note since the chat was last open here. */
  hasUnseenNote(id) {
    return this.#unseenNotes.has(id);
  }

  /** Whether the visitor was gone, and has just come back. */
  isBack(id) {
    return (this.#back.get(id) ?? 0) > this.#clock();
  }

  isTyping(id) {
    return (this.#typing.get(id)?.until ?? 0) > this.#clock();
  }

  /** The names of the other agents who are writing in a chat. */
  colleaguesTyping(id) {
    const names = [...(this.#colleaguesTyping.get(id) ?? [])];
    return names.filter(([, until]) => until > this.#clock()).map(([name]) => name);
  }

  /** What the visitor is writing and has not sent, where the website shows that; else empty. */
  typedText(id) {
    return this.isTyping(id) ? this.#typing.get(id).text : "";
  }

  /** The newest answer after `seq` that was not sent from here, or null: a colleague's, or my other window's. */
  answerMeanwhile(id, seq) {
    // By its id and not by the name: two agents may have the same.
    const isFromElsewhere = (message) =>
      message.seq > seq && message.sender_type === "agent" && !this.#sent.has(message.client_message_id);
    return this.chats.get(id)?.store.messages.findLast(isFromElsewhere) ?? null;
  }

  /** The open chat's notes, holds, leavings and returns that stand in what is shown of it, each in its place. */
  get asides() {
    const chat = this.openChat;
    const from = (chat.store.olderThan ?? 1) - 1;
    const isShown = ({ after_seq }) => after_seq >= from;
    const notes = chat.notes.map((note) => ({
      kind: "note",
      at: note.created_at,
      after_seq: note.after_seq,
      note,
    }));
    return [...notes, ...chat.holds, ...chat.trail].filter(isShown).sort(byPlace);
  }

  /** Whether the page before what is shown is on its way. */
  get isLoadingOlder() {
    const { store, askedBefore } = this.openChat;
    return store.olderThan !== null && askedBefore === store.olderThan;
  }

  /** Whether what is told of the visitor has to be asked for (again). */
  needsVisitor(id) {
    const chat = this.chats.get(id);
    return Boolean(chat?.loaded && !chat.problem && chat.isVisitorStale);
  }

  // What the agent does

  open(id) {
    this.openId = id;
    this.#unseenNotes.saw(id);
    this.#arrivals.saw(id);
    Object.assign(this.#chat(id), { problem: null, isVisitorStale: true });
    return [this.#openFrame(id)];
  }

  close() {
    this.openId = null;
  }

  /** Asks for the page before what is shown of the open chat; once from each place. */
  older() {
    const chat = this.openChat;
    const before = chat?.loaded ? chat.store.olderThan : null;
    if (before === null || chat.askedBefore === before) return [];
    chat.askedBefore = before;
    return [
      {
        type: "chat.history",
        payload: { session_id: this.openId, before_seq: before, limit: HISTORY_LIMIT },
      },
    ];
  }

  queueMessage(id, body, clientMessageId) {
    const entry = this.#chat(id).store.queue(body, clientMessageId);
    this.markSent(entry.client_message_id);
    return [sendFrame(id, entry)];
  }

  /** What goes out under this id is from here: a message, or a file that becomes one. */
  markSent(clientMessageId) {
    this.#sent.add(clientMessageId);
  }

  /** The client ids of what was sent from here last. */
  get sent() {
    return [...this.#sent].slice(-KEPT_SENT);
  }

  restoreSent(clientMessageIds) {
    clientMessageIds.forEach((id) => this.markSent(id));
  }

  retry(id, clientMessageId) {
    const entry = this.#chat(id).store.retry(clientMessageId);
    return entry ? [sendFrame(id, entry)] : [];
  }

  /** Keeps a note until the server has it; sending it is the caller's, by HTTP. */
  queueNote(id, body, clientMessageId) {
    const entry = {
      client_message_id: clientMessageId,
      body,
      state: "sending",
      created_at: new Date(this.now).toISOString(),
    };
    this.#chat(id).noteOutbox.push(entry);
    return entry;
  }

  /** `error` is {code, message}; without one it is sent again. */
  markNote(id, clientMessageId, error) {
    const entry = this.#chat(id).noteOutbox.find((one) => one.client_message_id === clientMessageId);
    if (entry) Object.assign(entry, { state: error ? "failed" : "sending", error });
    return entry ?? null;
  }

  /** The agent looks at the open chat: its notes are seen, and it is read, if it is mine and has something new. */
  read() {
    this.#unseenNotes.saw(this.openId, this.openChat?.notes.at(-1)?.created_at);
    if (this.openId) this.#arrivals.saw(this.openId);
    const session = this.summary(this.openId);
    const seq = this.openChat?.store.lastSeq ?? 0;
    if (!session || !this.isMine(session) || seq <= (session.agent_read_seq ?? 0)) return [];
    this.#keep(withRead(session, "agent", seq));
    return [{ type: "chat.read", payload: { session_id: this.openId, seq } }];
  }

  /** What is not acknowledged yet, of all chats: `{session_id: [entry…]}`. */
  get outboxes() {
    const filled = [...this.chats].filter(([, chat]) => chat.store.outbox.length);
    return Object.fromEntries(filled.map(([id, chat]) => [id, chat.store.outbox]));
  }

  /** Notes that the server does not have yet, of all chats: `{session_id: [entry…]}`. */
  get noteOutboxes() {
    const filled = [...this.chats].filter(([, chat]) => chat.noteOutbox.length);
    return Object.fromEntries(filled.map(([id, chat]) => [id, chat.noteOutbox]));
  }

  restoreNoteOutboxes(outboxes) {
    for (const [id, outbox] of Object.entries(outboxes)) this.#chat(id).noteOutbox = [...outbox];
  }

  /** Takes over what an earlier page load had not got acknowledged; it is sent with the first snapshot. */
  restoreOutboxes(outboxes) {
    for (const [id, outbox] of Object.entries(outboxes)) {
      const { store } = Object.assign(this.#chat(id), { store: this.#MessageStore.from({ outbox }) });
      store.outbox.forEach((entry) => this.markSent(entry.client_message_id));
    }
  }

  // What the server says

  /** A summary that came over HTTP, as the answer to accepting or ending. */
  replaceSummary(session) {
    return this.apply("session.changed", { session });
  }

  /** What `sessions/{id}/visitor` has answered; null when it has not. */
  setVisitor(id, visitor) {
    const chat = this.#chat(id);
    if (visitor) chat.visitor = visitor;
    chat.isVisitorStale = false;
  }

  /** Nothing that was asked on the lost socket will be answered. */
  disconnected() {
    this.#snapshotAsked = false;
    this.#typing.clear();
    this.#colleaguesTyping.clear();
    for (const chat of this.chats.values()) Object.assign(chat, { asked: null, askedBefore: null });
  }

  /** Takes one frame; a type that it does not know is for somebody else, or newer than this page. */
  apply(type, payload) {
    switch (type) {
      case "agent.ready":
        return this.#onReady(payload);
      case "pong":
        return this.#onPong(payload);
      case "session.changed":
        return this.#onChanged(payload.session);
      case "session.presence":
        return this.#onPresence(payload);
      case "chat.session.ready":
        return this.#onOpened(payload);
      case "chat.history":
        return this.#onHistory(payload);
      case "chat.message.new":
      case "chat.message.ack":
        return this.#onMessage(payload.message);
      case "note.new":
        return this.#onNote(payload.note, { isNews: true });
      case "trail.new":
        return this.#onTrail(payload);
      case "hold.new":
        return this.#onHold(payload);
      case "agent.changed":
        return this.#onAgent(payload.agent);
      case "chat.session.expiring":
        return this.#onExpiring(payload);
      case "chat.typing":
        return this.#onTyping(payload);
      case "chat.read":
        return this.#onRead(payload);
      case "error":
        return this.#onError(payload);
      default:
        return [];
    }
  }

  /** The snapshot replaces everything but what is newer than it: a message may have overtaken it. */
  #onReady({ agent, sessions, policy, server_time, counts = null }) {
    const isFirst = !this.loaded;
    this.agent = agent;
    this.policy = policy;
    this.counts = counts;
    this.#setClock(server_time);
    this.#snapshotAsked = false;
    const before = this.sessions;
    this.sessions = new Map();
    for (const session of sessions) {
      const known = before.get(session.session_id);
      // What is there at the start is not new.
      this.#keep(newest(known, session), known ?? (isFirst ? session : null));
    }
    // What became of the other chats is learned when they are opened; an event must not revive what they were.
    for (const [id, chat] of this.chats) {
      chat.isVisitorStale = true;
      if (id !== this.openId && !this.sessions.has(id)) Object.assign(chat, { session: null, loaded: false });
    }
    const requests = this.openId ? [this.#openFrame(this.openId)] : [];
    return [...requests, ...this.#unacknowledged()];
  }

  /** Compares the server's list with the view, and asks for a snapshot where they differ. */
  #onPong({ sessions, server_time, agent = {}, counts = this.counts }) {
    this.#setClock(server_time);
    this.#onAgent(agent);
    this.counts = counts;
    const listed = new Set(sessions.map((session) => session.session_id));
    const isStale =
      sessions.some((session) => !agrees(this.sessions.get(session.session_id), session)) ||
      [...this.queue, ...this.mine].some((session) => !listed.has(session.session_id));
    if (isStale) return this.#askSnapshot();
    // Nobody rings for a visitor whose web process was killed: the stamps have aged, and only the pong says so.
    for (const session of sessions) this.#onPresence(session);
    // No list tells of notes, tags, or a chat that is over or a colleague's: opening it again brings it up to date.
    const requests = this.openId ? [this.#openFrame(this.openId)] : [];
    const isLate = (entry) => this.#clock() - Date.parse(entry.created_at) > RESEND_AFTER_MS;
    return [...requests, ...this.#unacknowledged(isLate)];
  }

  #onAgent(agent) {
    if (this.agent) this.agent = { ...this.agent, ...agent };
    return [];
  }

  #onChanged(session) {
    const id = session.session_id;
    const { isTold, ...told } = withTexts(this.summary(id), session);
    this.#keep(newest(this.summary(id), told));
    const missed = isTold || !this.sessions.has(id) ? [] : this.#askSnapshot();
    return [...missed, ...this.#repair(id)];
  }

  #onPresence({ session_id, presence, last_seen_at }) {
    // Visitors who have not written are in no snapshot, and come and go all the time.
    const session = this.summary(session_id);
    if (session) this.#keep({ ...session, presence, last_seen_at });
    return [];
  }

  #onExpiring({ session_id, at }) {
    const session = this.summary(session_id);
    if (session) this.#keep({ ...session, expires_at: at });
    return [];
  }

  #onOpened({ session, messages, resume, notes = [], trail = [], holds = [] }) {
    const chat = this.#chat(session.session_id);
    if (resume === "resync") this.#startWith(chat, messages);
    Object.assign(chat, {
      loaded: true,
      problem: null,
      asked: null,
      askedBefore: null,
      notes: [],
      trail: [...trail],
      holds: holds.map(asEntry),
    });
    for (const note of notes) this.#onNote(note);
    this.#keep(newest(this.summary(session.session_id), session));
    return this.#addHistory(session.session_id, messages);
  }

  /** The transcript begins with the first of `messages`, wherever that is: what lies before is there to be asked for. */
  #startWith(chat, [first]) {
    chat.store = this.#MessageStore.from({ messages: first ? [first] : [], outbox: chat.store.outbox });
  }

  #onNote(note, { isNews = false } = {}) {
    const id = note.session_id;
    const chat = this.chats.get(id);
    if (isNews) this.#colleaguesTyping.get(id)?.delete(note.author_name);
    const isSame = (one) => one.client_message_id === note.client_message_id;
    const isColleagues = note.author_id !== this.agent?.id && !chat?.notes.some(isSame);
    if (isNews && isColleagues) {
      // A transfer's note comes before its chat does.
      this.#noteTimes.set(id, note.created_at);
      if (this.sessions.has(id)) this.#unseenNotes.heard(id, note.created_at);
    }
    if (!chat) return [];
    chat.noteOutbox = chat.noteOutbox.filter((entry) => !isSame(entry));
    if (!chat.notes.some(isSame)) chat.notes.push(note);
    return [];
  }

  #onTrail({ session_id, entry }) {
    const chat = this.chats.get(session_id);
    if (!chat) return [];
    if (entry.kind !== "page") chat.trail = withEntry(chat.trail, entry);
    if (chat.visitor) chat.visitor = { ...chat.visitor, trail: withEntry(chat.visitor.trail, entry) };
    return [];
  }

  #onHold({ session_id, hold }) {
    const chat = this.chats.get(session_id);
    if (chat) chat.holds = withEntry(chat.holds, asEntry(hold));
    return [];
  }

  #onHistory({ session_id, messages }) {
    return this.chats.has(session_id) ? this.#addHistory(session_id, messages) : [];
  }

  #onMessage(message) {
    const id = message.session_id;
    this.chats.get(id)?.store.add(message);
    if (message.sender_type === "visitor") this.#typing.delete(id);
    else this.#colleaguesTyping.get(id)?.delete(message.sender_name);
    const session = this.summary(id);
    // A system line is about a transition, which has its own event: a chat that a colleague took just left.
    if (!session) return message.sender_type === "system" ? [] : this.#askSnapshot();
    if (message.seq <= session.last_seq) return [];
    // One that was missed may have started or ended the wait, which this one does not tell.
    const missed = message.seq > session.last_seq + 1 ? this.#askSnapshot() : [];
    this.#keep(withMessage(session, message));
    return [...missed, ...this.#repair(id)];
  }

  #onTyping({ session_id, sender_type, sender_name, is_typing, text = "" }) {
    if (sender_type === "agent") {
      const typing = this.#colleaguesTyping.get(session_id) ?? new Map();
      if (is_typing) typing.set(sender_name, this.#clock() + TYPING_LASTS_MS);
      else typing.delete(sender_name);
      this.#colleaguesTyping.set(session_id, typing);
    } else if (is_typing) this.#typing.set(session_id, { until: this.#clock() + TYPING_LASTS_MS, text });
    else this.#typing.delete(session_id);
    return [];
  }

  #onRead({ session_id, by, seq }) {
    const session = this.summary(session_id);
    if (session && seq > (session[`${by}_read_seq`] ?? 0)) this.#keep(withRead(session, by, seq));
    // In another of the agent's tabs, which may have accepted it.
    if (by === "agent") this.#arrivals.saw(session_id);
    return [];
  }

  #onError({ code, message, session_id, client_message_id }) {
    const chat = this.chats.get(session_id);
    if (chat) chat.askedBefore = null;
    // About no chat: it may have been the answer to hello.
    if (!session_id) this.#snapshotAsked = false;
    if (client_message_id) chat?.store.fail(client_message_id, { code, message });
    // What is on the screen stays there over a passing failure, but not when the right to see it is gone.
    else if (chat && (!chat.loaded || code === "session_not_found")) chat.problem = { code, message };
    return [];
  }

  #setClock(serverTime) {
    this.#clockOffset = Date.parse(serverTime) - this.#clock();
  }

  #chat(id) {
    if (!this.chats.has(id)) {
      this.chats.set(id, {
        store: new this.#MessageStore(),
        session: null,
        loaded: false,
        // Why it could not be opened.
        problem: null,
        // From where history was asked for, forward and back.
        asked: null,
        askedBefore: null,
        notes: [],
        noteOutbox: [],
        // When the visitor left and came back.
        trail: [],
        // When agents held it open, or let it go.
        holds: [],
        visitor: null,
        isVisitorStale: true,
      });
    }
    return this.chats.get(id);
  }

  /** It is mine from now on; who accepts a chat has it open. */
  #arrive({ session_id: id, last_message: last }) {
    if (id === this.openId) return;
    // By the line that tells of it, so that all of the agent's tabs mean the same.
    this.#arrivals.heard(id, last?.created_at ?? new Date(this.now).toISOString());
    if (this.#noteTimes.has(id)) this.#unseenNotes.heard(id, this.#noteTimes.get(id));
  }

  /** `before` is what was known of it. */
  #keep(session, before = this.summary(session.session_id)) {
    const id = session.session_id;
    if (session.presence === "gone") this.#back.delete(id);
    else if (before?.presence === "gone") this.#back.set(id, this.#clock() + BACK_LASTS_MS);
    if (this.isMine(session) && !(before && this.isMine(before))) this.#arrive(session);
    if (session.status === "queued" || this.isMine(session)) this.sessions.set(id, session);
    else this.sessions.delete(id);
    if (this.chats.has(id)) this.chats.get(id).session = session;
  }

  #addHistory(id, messages) {
    for (const message of messages) this.chats.get(id).store.add(message);
    return this.#repair(id);
  }

  /** Asks for what the open transcript lacks; the others are completed when they are opened. */
  #repair(id) {
    const chat = this.chats.get(id);
    if (id !== this.openId || !chat?.loaded) return [];
    const { lastSeq } = chat.store;
    // Asked once from each place: an answer that brings nothing would otherwise be asked for again for ever.
    if (lastSeq >= chat.session.last_seq || chat.asked === lastSeq) return [];
    chat.asked = lastSeq;
    return [{ type: "chat.history", payload: { session_id: id, after_seq: lastSeq, limit: HISTORY_LIMIT } }];
  }

  #openFrame(id) {
    // Nothing known: the newest page, which may be far from the first.
    return {
      type: "chat.open",
      payload: { session_id: id, after_seq: this.#chat(id).store.lastSeq || null },
    };
  }

  #askSnapshot() {
    if (this.#snapshotAsked) return [];
    this.#snapshotAsked = true;
    return [{ type: "hello", payload: {} }];
  }

  #unacknowledged(isDue = () => true) {
    return [...this.chats].flatMap(([id, { store }]) => {
      const due = store.outbox.filter((entry) => entry.state === "sending" && isDue(entry));
      return due.map((entry) => sendFrame(id, entry));
    });
  }
}

function sendFrame(id, { client_message_id, body }) {
  return { type: "chat.message.send", payload: { session_id: id, client_message_id, body } };
}

/** By place in the transcript, then by time. */
function byPlace(a, b) {
  return a.after_seq - b.after_seq || Date.parse(a.at) - Date.parse(b.at);
}

function asEntry(hold) {
  return { ...hold, kind: hold.held_until ? "held" : "let_go" };
}

function withEntry(trail, entry) {
  const isKnown = trail.some(({ kind, at }) => kind === entry.kind && at === entry.at);
  return isKnown ? trail : [...trail, entry].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}
