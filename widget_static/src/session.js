import { backoff } from "./connection.js";
import { Emitter } from "./emitter.js";
import { FRAME, cleanText, textProblem, uuid } from "./protocol.js";
import { MessageStore } from "./store.js";
import { Talk } from "./talk.js";
import { Timers } from "./timers.js";

const DEFAULT_EXPIRY_MS = 30 * 60_000;
const CLOCK_WAS_SET_MS = 5000;
const ENDED_BY_VISITOR = { status: "ended", reason: "visitor", ended_by: "visitor" };

/**
 * The visitor's chat from its start to its end, across page loads, tabs and a server that is away.
 *
 * `phase`: "idle" (no chat) | "restoring" (a stored one, not yet confirmed by the server) | "starting" |
 * "live" | "over" (still shown, read-only: `ended` says why). `talk` is the Talk of a chat
 * that has a socket.
 * Emits "change" when anything that is shown may differ, "message" for each one that is new in the chat, and
 * "session" ({name, …}) when one starts, is restored, has expired or has ended, as the host page hears it;
 * for parts "frame" ({type, payload}), each that the server sends, and "send" when the visitor has sent a
 * text.
 */
export class Chat extends Emitter {
  /** `settings` are Options, `page` is a HostPage, `makeTabs(handlers)` makes Tabs; for the rest see Talk. */
  constructor({ api, storage, settings, page, makeTabs, makeConnection, now = Date.now }) {
    super();
    this._api = api;
    this._storage = storage;
    this._settings = settings;
    this._page = page;
    this._makeConnection = makeConnection;
    this._now = now;
    this._loadedAt = now();
    this._tabId = uuid();
    this._timers = new Timers();
    this._startId = null;
    this._attempt = 0;
    this._isWanted = false;
    this.isOpen = false;
    /** Whether the end of the transcript is in sight, where news comes. */
    this.isAtEnd = true;
    this.talk = null;
    /** The half-written text, which survives the page and is the same in every tab; see keepDraft(). */
    this.draft = "";
    /** How many ms the server's clock is ahead of the device's. */
    this.skew = 0;
    this._reset(new MessageStore());
    this._tabs = makeTabs({ onStorage: (key) => storage.concerns(key) && this._onStorage() });
    this.addEventListener("frame", ({ detail }) => this._compareClocks(detail.payload));
  }

  _reset(store) {
    this._cut();
    this.phase = "idle";
    this.store = store;
    this.ended = null;
    this.restoredAfter = null;
    this._refusal = null;
    // The ids and the key of the chat that is shown, also of one that is over; what SessionStorage.previous was as it
    // began, for which it is told. Null where there is none.
    this.shown = this._session = this.previous = null;
    this._readSeq = 0;
    // The draft's version in this chat: a tab that hears late of what another one wrote may write back what was
    // before.
    this._drafts = 0;
  }

  /** The chat's public ids, as far as there are any. */
  get ids() {
    return { sessionId: this._session?.session_id, conversationId: this._session?.conversation_id };
  }

  /** The agent's messages that the visitor has not seen. */
  get unread() {
    const isUnread = ({ seq, sender_type }) => sender_type === "agent" && seq > this._readSeq;
    return this.store.messages.filter(isUnread).length;
  }

  /**
   * The connection's state; "waiting" also between two tries to start or to restore, and while the browser is
   * offline: the socket, which may live on, does not say so for a while.
   */
  get link() {
    if (!this._page.isOnline()) return "waiting";
    return this.talk?.link ?? (this._timers.isRunning("retry") ? "waiting" : "idle");
  }

  /** Whether the window stood open on this tab's page before. */
  get wasOpen() {
    return this._storage.wasOpen(this._session?.session_id);
  }

  /**
   * null, "unavailable" (the server will not have us), "nobody" (no agent is there, and the tenant would rather
   * have a message left) or "replaced" (too many tabs).
   */
  get trouble() {
    return this._refusal ?? this.talk?.trouble ?? null;
  }

  /** Takes up what is stored, if anything is; makes no request otherwise. */
  load() {
    if (this.phase !== "idle") return;
    const { record, damaged, session_id } = this._storage.read();
    if (damaged) this._forget("storage", session_id);
    else if (record?.start_id) this._loadUnstarted(record);
    else if (record) this._restore(record);
  }

  /** The visitor sees the window; has asked for it, or it `isWanted` no more than on the page before. */
  open(isWanted = true) {
    this.isOpen = true;
    this._isWanted = isWanted;
    this.begin();
    this._pump();
    this.markRead();
  }

  close() {
    this.isOpen = false;
    if (this.phase === "over" && this.ended.ended_by === "visitor") this._leave();
  }

  /** Takes up the stored chat, or begins a new one. */
  begin() {
    if (this.phase === "idle") this.load();
    if (this.phase === "idle") this.start();
  }

  /** Begins a new chat, or joins the one that another tab has begun meanwhile. */
  async start() {
    if (this.phase !== "idle" && this.phase !== "over") return;
    if (this.phase === "over") this._leave();
    this.phase = "starting";
    this._refusal = null;
    this._changed();
    try {
      await this._tabs.exclusively(() => this._startOnce());
    } catch (error) {
      if (this.phase !== "starting") return;
      // The session of a start whose answer was lost can be over by now: that start is spent.
      const isSpent = error.code === "session_over" || error.code === "conflict";
      if (isSpent) this._startId = uuid();
      else if (!error.isTemporary) return this._refuse();
      this._retryLater(() => {
        this.phase = "idle";
        this.start();
      });
    }
  }

  /** Sends a text, in a new chat if there is none; false when there is nothing to send or it is too long. */
  send(text) {
    const body = cleanText(text);
    if (textProblem(body)) return false;
    if (this.phase === "over") this.start();
    else this.begin();
    this._isWanted = true;
    this.store.queue(body);
    this._emit("send");
    this._touch();
    this._pump();
    this._changed();
    return true;
  }

  /** Sends a failed text again, under its id. */
  retry(clientMessageId) {
    this.store.retry(clientMessageId);
    this._touch();
    this._pump();
    this._changed();
  }

  /** Ends the chat on the server; rejects with an ApiError when that could not be reached. */
  async end() {
    const session = this._session;
    let told = ENDED_BY_VISITOR;
    try {
      if (session) await this._api.end(session.session_id, session.session_key);
    } catch (error) {
      if (error.code === "session_over") told = { status: "abandoned" };
      else if (error.code !== "session_not_found") throw error;
    }
    if (this._session !== session) return;
    // Also a chat that was still being restored: its visitor has decided.
    this.phase = "live";
    this._over("ended", told);
  }

  /** The visitor has seen what is there, if the window is open, the page visible, the end in sight. */
  markRead() {
    const { lastSeq } = this.store;
    if (!this.isOpen || !this.isAtEnd || !this._page.isVisible() || lastSeq <= this._readSeq) return;
    this._readSeq = lastSeq;
    this.talk?.send(FRAME.read, { seq: lastSeq });
    this._save();
    this._changed();
  }

  /** The page is back, or the network has changed: what waits is tried at once, what was missed read. */
  wake() {
    this._timers.finish("retry");
    this._onStorage();
    this._changed();
  }

  /** The visitor has written `text` so far. */
  keepDraft(text) {
    this._adopt(this._storage.read().record);
    this.draft = text;
    this._drafts += 1;
    this._save();
  }

  /** The visitor asks to go on after `trouble`. */
  resume() {
    this._refusal = null;
    if (this.talk) this.talk.open();
    else if (this.phase === "restoring") this._ask();
    else this.start();
    this._changed();
  }

  /** Tells the server who the visitor is, if the site has said so. */
  identify() {
    const { visitor } = this._settings;
    if (visitor) this.talk?.send(FRAME.identify, visitor);
  }

  /** The page may go at any time, and somebody may have emptied the storage: what is there is kept. */
  keep() {
    const { record, damaged } = this._storage.read();
    if (this.phase === "live" && !record && !damaged) this._save();
  }

  shutdown() {
    this._cut();
    this._tabs.close();
    this.phase = "idle";
  }

  _loadUnstarted({ start_id, outbox, timestamp }) {
    this.store = MessageStore.from({ outbox });
    if (this.store.outbox.length && !this._isExpired({ timestamp })) {
      this._startId = start_id;
      this.start();
    } else {
      this._forget();
    }
  }

  _restore(record) {
    const { log } = this._settings;
    const outcome = this._isExpired(record) ? "expired" : null;
    this._take(record);
    if (outcome) {
      log("⏰ Session expired, clearing storage");
      if (!this.store.outbox.length) return this._forget(outcome);
    } else {
      log(`🔄 Attempting to restore session: ${record.session_id}`);
      const age = Math.round((this._now() - record.timestamp) / 1000);
      log(`✅ Found saved session, age: ${age || 0} seconds`);
    }
    this.phase = "restoring";
    this._changed();
    this._ask(outcome);
  }

  // Whether the chat can go on. With an `outcome` it cannot, and what is asked is only what had arrived before.
  async _ask(outcome) {
    const session = this._session;
    try {
      const { status, restorable } = await this._api.read(
        `status/${session.session_id}`,
        session.session_key,
      );
      if (this._session !== session) return;
      if (!outcome && (restorable || status === "queued" || status === "active")) return this._connect();
      // Given up while it could not be reached from here.
      outcome = outcome ?? (status === "abandoned" && this._attempt ? "network" : status);
      await this.settle(session);
      if (this._session !== session) return;
    } catch (error) {
      if (this._session !== session) return;
      if (error.isTemporary) return this._retryLater(() => this._ask(outcome));
      if (error.code !== "session_not_found") return this._refuse();
      outcome = "not_found";
    }
    if (this.ended) {
      this.phase = "live";
      return this._over(outcome, this.ended);
    }
    if (outcome === "not_found") this._settings.log("❌ Session not found on backend, starting new session");
    this._forget(outcome);
    if (this._isWanted) this.start();
  }

  /** Reads what there is of `session`: a text whose acknowledgement was lost is not called unsent. */
  async settle({ session_id, session_key }) {
    const { store } = this;
    let hasMore = store.outbox.length;
    while (hasMore) {
      const page = await this._api.read(`session/${session_id}?after=${store.lastSeq}`, session_key);
      for (const message of page.messages) store.add(message);
      hasMore = page.has_more;
    }
  }

  _forget(outcome, sessionId = this.ids.sessionId) {
    if (outcome) this._storage.previous = { session_id: sessionId, outcome, last_seq: this.store.lastSeq };
    if (outcome === "ended") this._tell("session:ended", { sessionId, status: outcome });
    else if (outcome) this._tell("session:expired", { sessionId, outcome });
    this._clearStorage(sessionId);
    this._leave();
  }

  // Texts typed on this page are sent in the next chat; older ones belonged to one that is gone: they wait.
  _leave() {
    const left = this.store.outbox;
    this._reset(new MessageStore());
    this.store.adopt(left);
    this._giveUp(this._loadedAt);
    this._changed();
  }

  _giveUp(writtenBefore) {
    for (const { client_message_id: id, created_at } of this.store.outbox)
      if (Date.parse(created_at) < writtenBefore) this.store.fail(id, { code: "session_over" });
  }

  async _startOnce() {
    const { record } = this._storage.read();
    if (record?.session_id && !this._isExpired(record)) return this._join(record);
    this._startId = this._startId ?? record?.start_id ?? uuid();
    this._save();
    const { session_id, outcome } = (this.previous = this._storage.previous) ?? {};
    const started = await this._api.start({
      tenant_id: this._settings.tenantId,
      channel: "web_widget",
      start_id: this._startId,
      metadata: this._page.facts(),
      offline_form: true,
      ...(outcome && { previous: { session_id, outcome } }),
    });
    if (this.phase !== "starting") return;
    if (!started.session_id) return this._turnAway();
    this._startId = this._storage.previous = null;
    this._own({ ...started, ...started.policy });
    this.phase = "live";
    this._tell("session:start");
    if (this._save()) this._settings.log("✅ Session saved to localStorage");
    this._connect();
  }

  // What was to be sent is half-written again: for the message that can be left.
  _turnAway() {
    const unsent = this.store.outbox.map(({ body }) => body);
    this.draft = [...unsent, this.draft].join("\n").trim();
    this._storage.clear();
    this._reset(new MessageStore());
    this._refusal = "nobody";
    this._changed();
  }

  _join(record) {
    const { draft, store } = this;
    this._take(record);
    this.store.adopt(store.outbox);
    this.draft ||= draft;
    this.phase = "live";
    this._connect();
  }

  _take(record) {
    this._reset(MessageStore.from(record));
    this._own(record);
    this._adopt(record);
  }

  _own({ session_id, session_key, conversation_id, session_expiry_ms }) {
    this.shown = this._session = { session_id, session_key, conversation_id, session_expiry_ms };
  }

  // What the chat's other tabs have written down of it; false when this is not its record.
  _adopt(record) {
    if (!record?.session_id || record.session_id !== this._session?.session_id) return false;
    const { outbox, read_seq, draft, version = 0 } = record;
    this.store.adopt(outbox);
    if (Number.isSafeInteger(read_seq)) this._readSeq = Math.max(this._readSeq, read_seq);
    if (typeof draft === "string" && version >= this._drafts) [this.draft, this._drafts] = [draft, version];
    return true;
  }

  // Only what is certainly too old is: with a clock that cannot be right the server is asked.
  _isExpired({ timestamp, session_expiry_ms: policy = DEFAULT_EXPIRY_MS }) {
    const limit = Math.min(this._settings.get("sessionExpiry") ?? policy, policy);
    return timestamp > 0 && this._now() - timestamp >= limit;
  }

  _refuse() {
    this._cut();
    if (this.phase === "starting") this.phase = "idle";
    this._storage.previous = null;
    this._refusal = "unavailable";
    this._changed();
  }

  _retryLater(action) {
    this._timers.start("retry", backoff(this._attempt), action);
    this._attempt += 1;
    this._changed();
  }

  _connect() {
    this._attempt = 0;
    const talk = new Talk({
      session: this._session,
      store: this.store,
      page: this._page,
      tabId: this._tabId,
      isRestoring: this.phase === "restoring",
      settings: this._settings,
      makeConnection: this._makeConnection,
    });
    this.talk = talk;
    talk.wantsOlder = this.isOpen;
    talk.addEventListener("change", () => this._changed());
    talk.addEventListener("activity", () => this._touch());
    talk.addEventListener("ready", ({ detail }) => this._onReady(detail));
    talk.addEventListener("over", ({ detail }) => this._onOver(detail));
    for (const name of ["message", "frame"])
      talk.addEventListener(name, ({ detail }) => this._emit(name, detail));
    talk.open();
  }

  _cut() {
    this.talk?.close();
    this.talk = null;
    this._timers.clear();
  }

  // What is stored has the device's time: after that was set, it would be too old or too young.
  _compareClocks({ server_time }) {
    const skew = Date.parse(server_time) - this._now();
    if (!(Math.abs(skew - this.skew) > CLOCK_WAS_SET_MS)) return;
    this.skew = skew;
    this._save();
  }

  _onReady({ policy, lastSeq, isRestored }) {
    this.phase = "live";
    this.ended = null;
    this.identify();
    if (policy?.session_expiry_ms) this._session.session_expiry_ms = policy.session_expiry_ms;
    if (isRestored) {
      this.restoredAfter = lastSeq;
      this._tell("session:restored");
      this._settings.log("✅ Session restored successfully");
    }
    this._touch();
  }

  // A chat that was given up because this side was not seen for a while: the server says whether it can be
  // had back.
  _onOver({ outcome, told }) {
    if (this.phase === "live" && told.status !== "abandoned") return this._over(outcome, told);
    this._cut();
    if (this.phase === "restoring") return this._ask(outcome);
    this.phase = "restoring";
    this.ended = told;
    this._ask();
  }

  _over(outcome, told) {
    this._cut();
    this._giveUp(Infinity);
    const session_id = this._session?.session_id;
    const { status = outcome, reason, ended_by } = told;
    if (session_id) this._tell("session:ended", { status, reason, endedBy: ended_by });
    this._clearStorage(session_id);
    this._session = this._startId = null;
    this.phase = "over";
    this.ended = told;
    this._changed();
  }

  _onStorage() {
    const { record } = this._storage.read();
    if (this._adopt(record)) {
      if (record.version < this._drafts) this._save();
      this._changed();
    } else if (record?.session_id && (this.phase === "idle" || (this.phase === "over" && !this.isOpen)))
      this._join(record);
    // Another tab may have ended the chat: the server knows.
    else this.talk?.reconnectNow();
  }

  _pump() {
    if (!this.talk) return;
    this.talk.wantsOlder = this.isOpen;
    this.talk.pump();
  }

  _touch() {
    this._save();
    this.markRead();
  }

  // Something has happened in the chat: it is kept, and its time begins anew.
  _save() {
    const { record } = this._storage.read();
    this._adopt(record);
    // A chat that another tab has begun meanwhile stays: this one joins it when it has its turn.
    if (!this._session && (this.phase !== "starting" || record?.session_id)) return false;
    const kept = {
      ...(this._session ?? { start_id: this._startId }),
      ...this.store.toJSON(),
      draft: this.draft,
      version: this._drafts,
      read_seq: this._readSeq,
      timestamp: this._now(),
    };
    if (this._settings.get("persistMessages") === false) kept.messages = [];
    return this._storage.write(kept);
  }

  // Another tab may have begun the next chat already: that one stays.
  _clearStorage(sessionId) {
    const stored = this._storage.read().record?.session_id;
    if (stored && stored !== sessionId) return;
    this._storage.clear();
    this._settings.log("🗑️ Session cleared from storage");
  }

  _tell(name, facts) {
    this._emit("session", { name, ...this.ids, ...facts });
  }

  _changed() {
    this._emit("change");
  }
}
