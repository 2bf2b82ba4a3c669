import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Attention, isCurrent, openCount, plan } from "../../agents_app/static/agents_app/attention.js";
import { Activity } from "../../agents_app/static/agents_app/activity.js";
import { describe } from "../../agents_app/static/agents_app/availability.js";
import { Claims } from "../../agents_app/static/agents_app/claims.js";
import { connectionText } from "../../agents_app/static/agents_app/format.js";
import { Preferences } from "../../agents_app/static/agents_app/preferences.js";
import { ConsoleState } from "../../agents_app/static/agents_app/state.js";
import { Unseen } from "../../agents_app/static/agents_app/unseen.js";
import { MessageStore } from "../../widget_static/src/store.js";

const NOON = Date.parse("2026-03-02T12:00:00Z");
const at = (seconds) => new Date(NOON + seconds * 1000).toISOString();
const ALICE = { id: 7, name: "Alice", availability: "online", state: "online", capacity: null, load: 0 };

let state;
let attention;

beforeEach(() => {
  state = new ConsoleState({ MessageStore, unseenNotes: new Unseen(), arrivals: new Unseen(), clock: () => NOON });
  attention = new Attention();
});

function message(id, seq, sender_type = "visitor") {
  const body = `message ${seq}`;
  return {
    session_id: id,
    seq,
    sender_type,
    sender_name: "",
    body,
    message_type: "text",
    created_at: at(seq),
  };
}

function waiting(id, fields = {}) {
  return {
    session_id: id,
    conversation_id: `REF-${id}`,
    status: "queued",
    assigned_to_id: null,
    agent_name: null,
    customer_name: id,
    waiting_since: at(1),
    last_activity_at: at(1),
    last_seen_at: at(1),
    presence: "online",
    last_seq: 1,
    last_message: message(id, 1),
    last_text: message(id, 1),
    unread: 1,
    visitor_read_seq: 0,
    agent_read_seq: 0,
    ...fields,
  };
}

const active = (id, fields = {}) =>
  waiting(id, { status: "active", assigned_to_id: ALICE.id, agent_name: "Alice", ...fields });
const answered = (id, seq, fields = {}) =>
  active(id, {
    waiting_since: null,
    last_seq: seq,
    last_message: message(id, seq, "agent"),
    last_text: message(id, seq, "agent"),
    unread: 0,
    ...fields,
  });
const colleagues = (id) => active(id, { assigned_to_id: 8, agent_name: "Bob" });

/** What a frame makes one look up for, as "kind id". */
function hears(type, payload, isWatching = false) {
  state.apply(type, payload);
  return told(attention.observe(state, { isWatching, isSnapshot: type === "agent.ready" }));
}

const told = (alerts) => alerts.filter(({ isSeen }) => !isSeen).map(({ kind, id }) => `${kind} ${id}`);
const ready = (...sessions) =>
  hears("agent.ready", {
    agent: ALICE,
    sessions,
    policy: { heartbeat_interval_ms: 30_000 },
    server_time: at(0),
  });
const changed = (session, isWatching) => hears("session.changed", { session }, isWatching);
const says = (id, seq, isWatching) => hears("chat.message.new", { message: message(id, seq) }, isWatching);

// What is told

test("nothing is told at start-up: what is there is old", () => {
  assert.deepEqual(attention.observe(state, { isWatching: false }), []);
  assert.deepEqual(ready(waiting("vera"), active("grace")), []);
});

test("a new chat in the queue, once for each wait", () => {
  ready();
  assert.deepEqual(changed(waiting("vera")), ["queue vera"]);
  assert.deepEqual(says("vera", 2), []);
  assert.deepEqual(changed(waiting("vera", { last_seq: 2, page_url: "https://shop.example/" })), []);
});

test("who has not written is in no queue, and is told of with the first message", () => {
  ready();
  assert.deepEqual(changed(waiting("vera", { waiting_since: null, last_seq: 0, last_message: null })), []);
  assert.deepEqual(changed(waiting("vera")), ["queue vera"]);
});

test("a visitor whose connection comes and goes is told of once", () => {
  ready();
  changed(waiting("vera"));
  const presence = (value) =>
    hears("session.presence", { session_id: "vera", presence: value, last_seen_at: at(9) });
  assert.deepEqual(presence("gone"), []);
  assert.deepEqual(presence("online"), []);
  presence("gone");
  assert.deepEqual(ready(), []);
  assert.deepEqual(changed(waiting("grace")), ["queue grace"]);
  assert.deepEqual(changed(waiting("vera")), []);
});

test("a chat that a colleague had and gives back is new in the queue again", () => {
  ready(waiting("vera"));
  assert.deepEqual(changed(colleagues("vera")), []);
  assert.deepEqual(changed(waiting("vera", { last_seq: 3 })), ["queue vera"]);
});

test("who was answered meanwhile, and waits again, is news even if all between was missed", () => {
  ready(waiting("vera"));
  state.disconnected();
  assert.deepEqual(ready(waiting("vera", { waiting_since: at(50), last_seq: 6 })), ["queue vera"]);
});

test("a chat of mine that goes back to the queue is new there", () => {
  ready(active("vera"));
  assert.deepEqual(changed(waiting("vera", { last_seq: 2 })), ["queue vera"]);
});

test("a message in a chat of mine, each", () => {
  ready(answered("vera", 2));
  assert.deepEqual(says("vera", 3), ["message vera"]);
  assert.deepEqual(says("vera", 3), []);
  assert.deepEqual(says("vera", 4), ["message vera"]);
});

test("what I write in another window and system lines are no news", () => {
  ready(answered("vera", 2));
  assert.deepEqual(hears("chat.message.new", { message: message("vera", 3, "agent") }), []);
  assert.deepEqual(hears("chat.message.new", { message: message("vera", 4, "system") }), []);
});

test("an assignment or a transfer to me, and then its messages", () => {
  ready(waiting("vera"));
  assert.deepEqual(changed(active("vera", { last_seq: 2, last_message: message("vera", 2, "system") })), [
    "assignment vera",
  ]);
  assert.deepEqual(says("vera", 3), ["message vera"]);
  assert.deepEqual(changed(active("grace")), ["assignment grace"]);
});

test("others' chats are none of my business", () => {
  ready();
  assert.deepEqual(changed(colleagues("vera")), []);
  state.open("vera");
  assert.deepEqual(says("vera", 2), []);
});

test("what I look at is seen, and what is open in a window that I do not use is not", () => {
  ready(answered("vera", 2), answered("grace", 2));
  state.open("vera");
  assert.deepEqual(says("vera", 3, true), []);
  assert.deepEqual(says("grace", 3, true), ["message grace"]);
  assert.deepEqual(says("vera", 4, false), ["message vera"]);
});

test("what I accept here is in front of me, and no assignment to tell", () => {
  ready(waiting("vera"));
  state.open("vera");
  assert.deepEqual(changed(active("vera", { last_seq: 2 }), true), []);
});

// Recovery

test("what came while disconnected is told once, with the snapshot, and nothing that is old", () => {
  const before = [waiting("old"), answered("vera", 2)];
  ready(...before);
  state.disconnected();
  assert.deepEqual(
    ready(
      waiting("old"),
      waiting("new", { waiting_since: at(5) }),
      active("vera", { last_seq: 3, last_message: message("vera", 3), waiting_since: at(3) }),
      active("grace", { last_seq: 4 }),
    ).sort(),
    ["assignment grace", "message vera", "queue new"],
  );
  assert.deepEqual(ready(...state.sessions.values()), []);
});

test("a message behind which a system line came is told all the same", () => {
  ready(answered("vera", 2));
  const snapshot = { last_seq: 4, last_message: message("vera", 4, "system") };
  assert.deepEqual(ready(active("vera", { ...snapshot, waiting_since: at(3) })), ["message vera"]);
  assert.deepEqual(ready(answered("vera", 5, { last_message: message("vera", 5, "system") })), []);
});

// What is still worth telling

test("what was accepted or read elsewhere meanwhile says nothing any more", () => {
  ready(answered("vera", 2));
  state.apply("session.changed", { session: waiting("ada") });
  state.apply("chat.message.new", { message: message("vera", 3) });
  const alerts = attention.observe(state, { isWatching: false });
  assert.deepEqual(
    alerts.map((alert) => isCurrent(alert, state)),
    [true, true],
  );
  state.apply("session.changed", { session: colleagues("ada") });
  state.apply("chat.read", { session_id: "vera", by: "agent", seq: 3 });
  assert.deepEqual(
    alerts.map((alert) => isCurrent(alert, state)),
    [false, false],
  );
});

test("the count is who waits in the queue and my chats that are new or have something unread", () => {
  ready(
    waiting("ada"),
    answered("vera", 2),
    active("grace", { last_seq: 5 }),
    waiting("gone", { presence: "gone" }),
  );
  assert.equal(openCount(state), 2);
  changed(answered("transferred", 3));
  assert.equal(openCount(state), 3);
});

// How it is told

const all = { wants: () => true, isFocused: false };
const alert = (kind, id, session = waiting(id)) => ({ kind, id, session });

test("what comes together rings once, for what is most urgent", () => {
  const news = [alert("queue", "ada"), alert("message", "vera"), alert("assignment", "grace")];
  assert.equal(plan(news, all).sound, "assignment");
  assert.equal(plan(news.slice(0, 2), all).sound, "message");
  assert.equal(plan([], all).sound, null);
  const wants = (kind) => kind === "queue";
  assert.equal(plan(news, { ...all, wants }).sound, "queue");
});

test("each chat has one notification, and the queue has one", () => {
  const later = answered("vera", 4, { last_text: message("vera", 4), unread: 1 });
  const news = [
    alert("message", "vera"),
    alert("message", "vera", later),
    alert("queue", "ada"),
    alert("queue", "eve"),
  ];
  const { notifications } = plan(news, all);
  assert.deepEqual(
    notifications.map(({ tag, title, body }) => [tag, title, body]),
    [
      ["chat:vera", "vera", "message 4"],
      ["queue", "2 visitors are waiting", "ada, eve"],
    ],
  );
  const [one] = plan([alert("queue", "ada")], all).notifications;
  assert.deepEqual([one.title, one.body], ["ada is waiting", "message 1"]);
  const [mine] = plan([alert("assignment", "ada")], all).notifications;
  assert.equal(mine.title, "ada is with you now");
});

test("who has the console in front of them hears it and needs no notification", () => {
  assert.deepEqual(plan([alert("queue", "ada")], { ...all, isFocused: true }), {
    sound: "queue",
    notifications: [],
    words: ["ada is waiting: message 1"],
  });
  assert.deepEqual(plan([alert("queue", "ada")], all).words, []);
});

test("each kind and way can be switched off", () => {
  const news = [alert("queue", "ada"), alert("message", "vera")];
  const wants = (kind, way) => way === "sound" || kind === "message";
  const { sound, notifications } = plan(news, { ...all, wants });
  assert.equal(sound, "message");
  assert.deepEqual(
    notifications.map(({ tag }) => tag),
    ["chat:vera"],
  );
});

// One tab speaks

class FakeStorage {
  items = new Map();
  getItem(key) {
    return this.items.get(key) ?? null;
  }
  setItem(key, value) {
    this.items.set(key, value);
  }
}

const denied = () => {
  throw new Error("SecurityError");
};

/** As navigator.locks: who asks for the same name waits, unless both share it. */
class FakeLocks {
  #held = new Map();
  async request(name, { mode = "exclusive" }, action) {
    while (mode === "exclusive" && this.#held.has(name)) await this.#held.get(name);
    const work = Promise.resolve().then(action);
    this.#held.set(name, work);
    return work.finally(() => this.#held.delete(name));
  }
  async query() {
    return { held: [...this.#held.keys()].map((name) => ({ name })) };
  }
}

const NEWS = [
  { kind: "message", id: "vera", mark: 3 },
  { kind: "queue", id: "vera", mark: 9 },
];

test("of two tabs that hear the same the first one tells it, and the next mark anew", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const locks = new FakeLocks();
  // What one tab writes into the storage the other may not see yet.
  const [one, two] = [0, 1].map(() => {
    const storage = new FakeStorage();
    return new Claims(() => storage, "told", { locks, clock: () => NOON });
  });
  assert.deepEqual(await Promise.all([one.take(NEWS), two.take(NEWS)]), [NEWS, []]);
  assert.deepEqual(await two.take([{ ...NEWS[0], mark: 2 }]), []);
  assert.equal((await two.take([{ ...NEWS[0], mark: 4 }])).length, 1);
  t.mock.timers.tick(61_000);
  await new Promise(setImmediate);
  assert.equal((await two.take([{ ...NEWS[0], mark: 3 }])).length, 0, "its own claim it still knows");
  assert.equal((await one.take([{ ...NEWS[0], mark: 4 }])).length, 1);
});

test("without locks the storage decides, and forgets after a minute", async () => {
  const storage = new FakeStorage();
  let now = NOON;
  const options = { locks: null, clock: () => now };
  const [one, two] = [0, 1].map(() => new Claims(() => storage, "told", options));
  assert.deepEqual([await one.take(NEWS), await two.take(NEWS)], [NEWS, []]);
  now += 61_000;
  assert.equal((await two.take(NEWS)).length, 2);
});

test("without locks and without storage each tab speaks for itself", async () => {
  const news = [{ kind: "message", id: "vera", mark: 3 }];
  assert.deepEqual(await new Claims(denied, "told", { locks: null }).take(news), news);
  const nonsense = new FakeStorage();
  nonsense.setItem("told", "[null]");
  assert.deepEqual(await new Claims(() => nonsense, "told", { locks: null }).take(news), news);
});

// Switches

test("everything is on until it is switched off, for this agent and over a reload", () => {
  const storage = new FakeStorage();
  const preferences = new Preferences(() => storage, 7, null);
  assert.equal(preferences.isOn("sound:queue"), true);
  preferences.set("sound:queue", false);
  preferences.set("keys", false);
  preferences.set("keys", true);
  const reloaded = new Preferences(() => storage, 7, null);
  assert.deepEqual([reloaded.isOn("sound:queue"), reloaded.isOn("keys")], [false, true]);
  assert.equal(new Preferences(() => storage, 8, null).isOn("sound:queue"), true);
});

test("other tabs follow", () => {
  const storage = new FakeStorage();
  const window = new EventTarget();
  const here = new Preferences(() => storage, 7, null);
  const there = new Preferences(() => storage, 7, window);
  let changes = 0;
  there.addEventListener("change", () => (changes += 1));
  here.set("notification:message", false);
  window.dispatchEvent(Object.assign(new Event("storage"), { key: [...storage.items.keys()][0] }));
  assert.equal(there.isOn("notification:message"), false);
  window.dispatchEvent(Object.assign(new Event("storage"), { key: "something else" }));
  assert.equal(changes, 1);
  storage.items.clear();
  window.dispatchEvent(Object.assign(new Event("storage"), { key: null }));
  assert.equal(there.isOn("notification:message"), true);
});

test("a storage that throws or holds nonsense costs only the memory", () => {
  const nonsense = new FakeStorage();
  nonsense.getItem = () => "{broken";
  for (const storage of [denied, () => nonsense]) {
    const preferences = new Preferences(storage, 7, null);
    preferences.set("keys", false);
    assert.equal(preferences.isOn("keys"), false);
  }
});

// Being there

test("the page is used by keys, pointer and coming back, not by being open", () => {
  const window = new EventTarget();
  let uses = 0;
  const activity = new Activity({ window, onUse: () => (uses += 1) });
  const happens = (type, fields) => window.dispatchEvent(Object.assign(new Event(type), fields));
  assert.equal(activity.take(), false);
  for (const type of ["keydown", "pointerdown", "wheel", "focus"]) {
    happens(type);
    happens(type);
    assert.equal(activity.take(), true, type);
    assert.equal(activity.take(), false, type);
  }
  assert.equal(uses, 4);
  happens("pointermove", { movementX: 0, movementY: 0 });
  assert.equal(activity.take(), false);
  happens("pointermove", { movementX: 3, movementY: 0 });
  assert.equal(activity.take(), true);
});

test("an agent who is away says why", () => {
  assert.deepEqual(describe({ availability: "online", state: "online" }), {
    label: "Online",
    presence: "online",
    hint: "",
  });
  const idle = describe({ availability: "online", state: "away" });
  assert.deepEqual(idle, {
    label: "Away",
    presence: "away",
    hint: "You have not used the console for 10 minutes.",
  });
  assert.deepEqual(describe({ availability: "away", state: "away" }).hint, "");
  assert.equal(describe({ availability: "offline", state: "offline" }).presence, "gone");
});

test("the connection is told of while something is wrong", () => {
  const well = { isLive: true, isOnline: true, hasBeenLive: true };
  assert.equal(connectionText(well), "");
  assert.equal(connectionText({ ...well, isLive: false }), "Reconnecting…");
  assert.equal(connectionText({ ...well, isLive: false, hasBeenLive: false }), "Connecting…");
  assert.equal(connectionText({ ...well, isLive: false, goneMs: 15_001 }), "Reconnecting… No answer yet.");
  assert.equal(connectionText({ ...well, goneMs: 15_001 }), "");
  assert.equal(connectionText({ ...well, isOnline: false }), "You are offline.");
  assert.match(connectionText({ ...well, isOnline: false, keepsTexts: true }), /^You are offline\. What you write is sent/);
});
