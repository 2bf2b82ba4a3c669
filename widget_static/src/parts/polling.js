// A chat by plain requests, in networks that let no socket through: as the socket's frames, so that nobody else knows.

const SOONEST_MS = 2000;
const GROWTH = 1.3;
const LATEST_MS = { seen: 8000, unseen: 30_000 };
const LONGEST_BACKOFF_MS = 30_000;
const LONGEST_URL = 2000;
const LONGEST_TITLE = 300;
const FINAL = ["session_not_found", "origin_not_allowed", "tenant_not_found"];
const STILL_HERE = "chat.still_here";

/** Stands in for the socket of `talk` until that is ready, or the talk another one. */
export function create({ api, chat, FRAME, Timers, cleanText, signal }, talk) {
  const { session_id, session_key } = chat.shown;
  const proof = { session_id, session_key };
  const timers = new Timers();
  const gone = new AbortController();
  const self = { send };
  let isBusy = false;
  let isActive = false;
  let readSeq = 0;
  let visitor = null;
  let session = null;
  let isExpiring = false;
  let wait = SOONEST_MS;
  let failures = 0;

  const isIn = () => talk.standIn === self;
  // A socket that is ready has put the stand-in out.
  const isNeeded = () => chat.talk === talk && (isIn() || talk.link !== "ready") && !gone.signal.aborted;

  function stop() {
    timers.clear();
    gone.abort();
  }

  async function poll() {
    if (!isNeeded()) return stop();
    if (isBusy) return;
    isBusy = true;
    const isFirst = !isIn();
    const told = { readSeq, visitor };
    try {
      const answer = await api.call("poll", { body: { ...proof, ...facts(isFirst) } });
      failures = 0;
      if (told.readSeq === readSeq) readSeq = 0;
      if (told.visitor === visitor) visitor = null;
      if (isNeeded()) take(answer);
    } catch (error) {
      fail(error);
    }
    isBusy = false;
    if (isNeeded()) later();
    else stop();
  }

  function facts(isFirst) {
    const visible = document.visibilityState !== "hidden";
    const active = isActive;
    isActive = false;
    if (active && visible) talk.dispatchEvent(new CustomEvent("activity"));
    const page = {
      url: location.href.slice(0, LONGEST_URL),
      title: cleanText(document.title.slice(0, LONGEST_TITLE)),
    };
    return {
      after_seq: chat.store.lastSeq,
      visible,
      active,
      hello: isFirst ? { restored: chat.phase === "restoring", page } : null,
      read_seq: readSeq,
      visitor,
    };
  }

  // What the server says, as the frames that a socket would have brought.
  function take(answer) {
    const before = session;
    ({ session } = answer);
    wait = answer.messages.length ? SOONEST_MS : Math.min(wait * GROWTH, latest());
    if (answer.has_more) wait = 0;
    if (isIn()) {
      for (const message of answer.messages) talk.receive(FRAME.message, { message });
      const { agent_name, agent_picture, queue_position, agent_read_seq } = session;
      if (agent_name !== before.agent_name) {
        const type = agent_name ? FRAME.assigned : FRAME.unassigned;
        talk.receive(type, { agent_name, agent_picture });
      }
      if (queue_position && queue_position !== before.queue_position)
        talk.receive(FRAME.queue, { position: queue_position });
      if (agent_read_seq !== before.agent_read_seq)
        talk.receive(FRAME.read, { by: "agent", seq: agent_read_seq });
    } else {
      talk.standIn = self;
      talk.link = "ready";
      talk.receive(FRAME.ready, answer);
    }
    tellExpiry(answer);
    const { status, reason, ended_by } = session;
    const { text } = answer;
    if (status === "ended" || status === "abandoned")
      talk.receive(FRAME.ended, { status, reason, ended_by, text });
  }

  // Also when it has been put off.
  function tellExpiry({ expiring_at, server_time }) {
    const wasExpiring = isExpiring;
    isExpiring = expiring_at !== null;
    if (isExpiring || (wasExpiring && session.expires_at))
      talk.receive(FRAME.expiring, { session_id, at: session.expires_at, server_time });
  }

  function fail(error) {
    if (!isNeeded()) return;
    failures += 1;
    if (FINAL.includes(error.code)) talk.receive(FRAME.error, { code: "session_over" });
    else if (isIn()) leave();
  }

  function leave() {
    talk.standIn = null;
    talk.link = "waiting";
    chat.dispatchEvent(new CustomEvent("change"));
  }

  const latest = () => LATEST_MS[chat.isOpen && document.visibilityState !== "hidden" ? "seen" : "unseen"];

  function later() {
    const delay = failures ? Math.min(SOONEST_MS * 2 ** failures, LONGEST_BACKOFF_MS) : wait;
    // Never all at the same moment.
    timers.start("poll", delay * (failures ? Math.random() : 0.8 + 0.4 * Math.random()), poll);
  }

  function soon() {
    wait = SOONEST_MS;
    timers.finish("poll");
  }

  async function post({ client_message_id, body }) {
    try {
      const message = await api.call("message", { body: { ...proof, client_message_id, message: body } });
      wait = SOONEST_MS;
      if (chat.talk === talk) talk.receive(FRAME.ack, { client_message_id, message });
    } catch (error) {
      if (!isNeeded()) return;
      const { code, message } = error;
      if (code === "network") fail(error);
      // The next answer says how it is over.
      else if (code === "session_over") soon();
      else talk.receive(FRAME.error, { code, message, client_message_id });
    }
  }

  async function ask({ after_seq, before_seq, limit }) {
    const range = after_seq === undefined ? `before=${before_seq}` : `after=${after_seq}`;
    try {
      const headers = { "X-Session-Key": session_key };
      const page = await api.call(`session/${session_id}?${range}&limit=${limit}`, { headers });
      if (chat.talk === talk) talk.receive(FRAME.history, page);
    } catch (error) {
      fail(error);
    }
  }

  /** As a socket takes a frame: false when it does not. */
  function send(type, payload) {
    const actions = {
      [FRAME.send]: () => post(payload),
      [FRAME.history]: () => ask(payload),
      [FRAME.read]: () => (readSeq = payload.seq),
      [FRAME.identify]: () => (visitor = payload),
      [STILL_HERE]: () => {
        isActive = true;
        soon();
      },
    };
    actions[type]?.();
    return true;
  }

  const listen = (target, type, action) =>
    target.addEventListener(type, action, { capture: true, passive: true, signal: gone.signal });
  for (const type of ["pointerdown", "keydown", "wheel", "touchstart"])
    listen(window, type, () => (isActive = true));
  listen(window, "online", soon);
  listen(document, "visibilitychange", () => document.visibilityState === "hidden" || soon());
  signal.addEventListener("abort", stop, { signal: gone.signal });
  poll();
}
