import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { ApiError } from "../src/api.js";
import { settle } from "../src/parts/unsent/settle.js";
import { Chat } from "../src/session.js";
import { SessionStorage } from "../src/storage.js";
import { Timers } from "../src/timers.js";
import { message } from "./fixtures.js";

const MINUTE = 60_000;
const POLICY = {
  session_expiry_ms: 30 * MINUTE,
  heartbeat_interval_ms: 30_000,
  disconnect_timeout_ms: 300_000,
};
const SESSION = {
  session_id: "0d9f2a52-1c53-4c6e-8a53-2d1f3f6f8f10",
  session_key: "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE",
  conversation_id: "K7Q2-9FXM",
};
const OTHER = { ...SESSION, session_id: "7a1de5a1-3f0e-4b8a-9a33-0c4c1d4d2c11" };
const UNSENT = {
  client_message_id: "6d5bbd1e-58b5-4a55-9d1d-0e63c3a1a3a1",
  body: "unsent",
  state: "sending",
  created_at: "2026-01-05T08:59:00Z",
};

class FakeConnection extends EventTarget {
  constructor(options) {
    super();
    Object.assign(this, options);
    this.state = "idle";
    this.sent = [];
  }

  open() {
    this._become("connecting");
  }

  close() {
    this.state = "closed";
  }

  reconnectNow() {
    this.hurried = true;
  }

  send(type, payload) {
    if (this.state === "ready") this.sent.push({ type, payload });
    return this.state === "ready";
  }

  // The server's side.
  ready({ messages = [], last_seq = messages.length, resume = "resumed", session = {} } = {}) {
    this.said = this.hello();
    this._become("ready");
    this.say("chat.session.ready", { session, messages, last_seq, resume, policy: POLICY });
  }

  say(type, payload) {
    this.dispatchEvent(new CustomEvent("frame", { detail: { type, payload } }));
  }

  stop(code) {
    this._become("closed");
    this.dispatchEvent(new CustomEvent("stopped", { detail: { code, reason: "" } }));
  }

  framesOf(type) {
    return this.sent.filter((frame) => frame.type === type).map(({ payload }) => payload);
  }

  _become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, retryInMs: null } }));
  }
}

/** One browser: what its tabs share. */
class Browser {
  items = new Map();
  tabItems = new Map();
  calls = [];
  tabs = [];
  now = Date.parse("2026-01-05T09:00:00Z");
  answers = {
    start: () => ({ ...SESSION, status: "queued", policy: POLICY }),
    status: () => ({ status: "queued", restorable: true }),
    session: () => ({ messages: [], has_more: false }),
    end: () => ({ status: "ended" }),
  };

  store(record) {
    this.items.set("cc_chat_session", typeof record === "string" ? record : JSON.stringify(record));
  }

  get stored() {
    return JSON.parse(this.items.get("cc_chat_session") ?? "null");
  }

  /** A page load. */
  tab({ visitor = null, ...options } = {}) {
    const call =
      (name) =>
      async (...args) => {
        this.calls.push([name, ...args]);
        return this.answers[name](...args);
      };
    const tab = { connections: [], log: [], page: { visible: true, used: false, online: true } };
    // As in a browser: the other tabs hear of what changes, each in a task of its own.
    const changed = (items, key, text) => {
      if ((items.get(key) ?? null) === text) return;
      if (text === null) items.delete(key);
      else items.set(key, text);
      if (items !== this.items) return;
      for (const other of this.tabs.filter((each) => each !== tab))
        queueMicrotask(() => other.handlers?.onStorage(key));
    };
    const areaOf = (items) => ({
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, text) => changed(items, key, text),
      removeItem: (key) => changed(items, key, null),
    });
    tab.chat = new Chat({
      api: { start: call("start"), read: (path, key) => call(path.split("/")[0])(path, key), end: call("end") },
      storage: new SessionStorage({
        tenantId: "demo-tenant",
        apiHost: "chat.test",
        area: () => areaOf(this.items),
        tabArea: () => areaOf(this.tabItems),
      }),
      settings: {
        tenantId: "demo-tenant",
        visitor,
        get: (name) => options[name],
        log: (text) => tab.log.push(text),
        heartbeatInterval: () => 30_000,
      },
      page: {
        facts: () => ({ page_url: "https://shop.test/" }),
        location: () => ({ url: "https://shop.test/", title: "Shop" }),
        isVisible: () => tab.page.visible,
        isOnline: () => tab.page.online,
        wasUsed: () => tab.page.used,
      },
      makeTabs: (handlers) => {
        tab.handlers = handlers;
        return {
          exclusively: (action) => (this.turn ? this.turn.then(action) : action()),
          close() {
            tab.handlers = null;
          },
        };
      },
      makeConnection: (options) => {
        const connection = new FakeConnection(options);
        tab.connections.push(connection);
        return connection;
      },
      now: () => this.now,
    });
    Object.defineProperty(tab, "connection", { get: () => tab.connections[tab.connections.length - 1] });
    this.tabs.push(tab);
    return tab;
  }

  callsOf(name) {
    return this.calls.filter(([called]) => called === name).map(([, ...args]) => args);
  }
}

const settled = async () => {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
};

let browser;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  browser = new Browser();
});

afterEach(() => mock.timers.reset());

async function startedTab() {
  const tab = browser.tab();
  tab.chat.load();
  tab.chat.open();
  await settled();
  tab.connection.ready({ resume: "new" });
  return tab;
}

async function restoredTab(record = {}, atOnce = () => {}) {
  browser.store({ ...SESSION, messages: [message(1)], timestamp: browser.now - MINUTE, ...record });
  const tab = browser.tab();
  tab.chat.load();
  atOnce(tab.chat);
  await settled();
  return tab;
}

test("what is typed while another tab begins the chat does not replace that chat: this tab joins it", async () => {
  const [waiting, first] = [browser.tab(), browser.tab()];
  for (const { chat } of [waiting, first]) chat.load();
  let takeTurn;
  browser.turn = new Promise((resolve) => (takeTurn = resolve));
  waiting.chat.open();
  await settled();
  browser.turn = null;
  first.chat.open();
  await settled();
  first.connection.ready({ resume: "new" });
  waiting.chat.keepDraft("And another thing");
  takeTurn();
  await settled();
  assert.equal(browser.callsOf("start").length, 1);
  assert.equal(waiting.chat.ids.sessionId, first.chat.ids.sessionId);
  assert.equal(waiting.chat.draft, "And another thing");
});

test("nothing is asked and nothing is stored before the visitor opens the chat", async () => {
  const tab = browser.tab();
  tab.chat.load();
  await settled();
  assert.deepEqual([browser.calls, browser.items.size, tab.connections.length], [[], 0, 0]);
});

test("opening starts a session, stores it, and connects with its key", async () => {
  const tab = await startedTab();
  const [[body]] = browser.callsOf("start");
  assert.equal(body.tenant_id, "demo-tenant");
  assert.deepEqual(body.metadata, { page_url: "https://shop.test/" });
  assert.equal("previous" in body, false);
  assert.equal(tab.connection.said.session_key, SESSION.session_key);
  assert.deepEqual([tab.connection.said.restored, tab.connection.said.after_seq], [false, 0]);
  assert.equal(browser.stored.session_id, SESSION.session_id);
  assert.equal(tab.chat.phase, "live");
  assert.deepEqual(tab.log, ["✅ Session saved to localStorage", "🔌 WebSocket connected"]);
});

test("an unanswered start is repeated as the same start, and what was typed meanwhile is sent", async () => {
  let tries = 0;
  const { start } = browser.answers;
  browser.answers.start = () => {
    tries += 1;
    if (tries < 3) throw new ApiError("network");
    return start();
  };
  const tab = browser.tab();
  tab.chat.open();
  await settled();
  tab.chat.send("hello");
  for (let i = 0; i < 2; i += 1) {
    tab.chat.wake();
    await settled();
  }
  tab.connection.ready({ resume: "new" });
  const ids = browser.callsOf("start").map(([{ start_id }]) => start_id);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 1);
  assert.deepEqual(
    tab.connection.framesOf("chat.message.send").map(({ body }) => body),
    ["hello"],
  );
});

test("a page that was left in the middle of a start goes on with it, if something was typed", async () => {
  browser.answers.start = () => {
    throw new ApiError("network");
  };
  const before = browser.tab();
  before.chat.open();
  await settled();
  before.chat.send("hello");
  before.chat.shutdown();
  const [[{ start_id }]] = browser.callsOf("start");

  browser.now += MINUTE;
  const after = browser.tab();
  after.chat.load();
  await settled();
  assert.equal(browser.callsOf("start").at(-1)[0].start_id, start_id);
  assert.deepEqual(
    after.chat.store.outbox.map(({ body, state }) => [body, state]),
    [["hello", "sending"]],
  );
});

test("a server that refuses the website is not asked again until the visitor does", async () => {
  browser.answers.start = () => {
    throw new ApiError("origin_not_allowed", 403);
  };
  const tab = browser.tab();
  tab.chat.open();
  await settled();
  mock.timers.tick(10 * MINUTE);
  await settled();
  assert.equal(tab.chat.trouble, "unavailable");
  assert.equal(browser.callsOf("start").length, 1);
  tab.chat.resume();
  await settled();
  assert.equal(browser.callsOf("start").length, 2);
});

test("a stored session is restored at page load: cache first, then what the server has more", async () => {
  const tab = await restoredTab();
  assert.deepEqual(browser.callsOf("status"), [[`status/${SESSION.session_id}`, SESSION.session_key]]);
  assert.deepEqual(
    tab.chat.store.messages.map(({ seq }) => seq),
    [1],
  );
  tab.connection.ready({ messages: [message(2)], last_seq: 2 });
  assert.deepEqual([tab.connection.said.restored, tab.connection.said.after_seq], [true, 1]);
  assert.deepEqual(
    tab.chat.store.messages.map(({ seq }) => seq),
    [1, 2],
  );
  assert.equal(tab.chat.restoredAfter, 2);
  assert.deepEqual(tab.log, [
    `🔄 Attempting to restore session: ${SESSION.session_id}`,
    "✅ Found saved session, age: 60 seconds",
    "🔌 WebSocket connected",
    "✅ Session restored successfully",
  ]);
});

test("while the browser is offline so is the chat, and its socket stays for when it is not", async () => {
  const tab = await startedTab();
  let changes = 0;
  tab.chat.addEventListener("change", () => (changes += 1));
  tab.page.online = false;
  tab.chat.wake();
  assert.equal(tab.chat.link, "waiting");
  assert.ok(changes);
  assert.equal(tab.connection.state, "ready");
  tab.page.online = true;
  assert.equal(tab.chat.link, "ready");
  assert.equal(tab.connections.length, 1);
});

test("a reconnect is no restore", async () => {
  const tab = await restoredTab();
  tab.connection.ready();
  tab.connection.ready();
  assert.equal(tab.connection.said.restored, false);
});

test("BS01 a session that is 31 minutes old is over without asking, and the next start says so", async () => {
  const tab = await restoredTab({ timestamp: browser.now - 31 * MINUTE });
  assert.equal(browser.calls.length, 0);
  assert.equal(browser.stored, null);
  assert.deepEqual(tab.log, ["⏰ Session expired, clearing storage", "🗑️ Session cleared from storage"]);
  tab.chat.open();
  await settled();
  assert.deepEqual(browser.callsOf("start")[0][0].previous, {
    session_id: SESSION.session_id,
    outcome: "expired",
  });
  assert.deepEqual(tab.chat.store.messages, []);
  assert.equal(tab.chat.previous.outcome, "expired");
  // It is told once.
  await tab.chat.end();
  tab.chat.start();
  await settled();
  assert.equal(tab.chat.previous, null);
});

for (const timestamp of [Date.parse("2026-01-05T09:31:00Z"), null, "yesterday", -5, 0, {}]) {
  test(`BS01 with the timestamp ${JSON.stringify(timestamp)} the server is asked`, async () => {
    const tab = await restoredTab({ timestamp });
    assert.equal(browser.callsOf("status").length, 1);
    tab.connection.ready();
    assert.equal(tab.chat.phase, "live");
  });
}

test("BS15 a page may shorten the expiry, never prolong it", async () => {
  const isAsked = async (sessionExpiry, ageMinutes) => {
    browser = new Browser();
    const timestamp = browser.now - ageMinutes * MINUTE;
    browser.store({ ...SESSION, messages: [], timestamp, session_expiry_ms: POLICY.session_expiry_ms });
    browser.tab({ sessionExpiry }).chat.load();
    await settled();
    return browser.callsOf("status").length === 1;
  };
  assert.equal(await isAsked(1e12, 31), false);
  assert.equal(await isAsked(1e12, 29), true);
  assert.equal(await isAsked(5 * MINUTE, 6), false);
  assert.equal(await isAsked(5 * MINUTE, 4), true);
});

for (const [outcome, answer] of Object.entries({
  ended: () => ({ status: "ended", restorable: false }),
  abandoned: () => ({ status: "abandoned", restorable: false }),
  not_found: () => {
    throw new ApiError("session_not_found", 404);
  },
})) {
  test(`a stored session that is ${outcome} is forgotten; a new one starts at the next opening`, async () => {
    browser.answers.status = answer;
    const tab = await restoredTab();
    assert.deepEqual([browser.stored, tab.chat.phase, tab.connections.length], [null, "idle", 0]);
    assert.equal(
      tab.log.includes("❌ Session not found on backend, starting new session"),
      outcome === "not_found",
    );
    assert.equal(browser.callsOf("start").length, 0);
    tab.chat.open();
    await settled();
    assert.deepEqual(browser.callsOf("start")[0][0].previous, { session_id: SESSION.session_id, outcome });
  });
}

test("a session that was abandoned too early and can be reopened is restored", async () => {
  browser.answers.status = () => ({ status: "abandoned", restorable: true });
  const tab = await restoredTab();
  tab.connection.ready({ resume: "reopened" });
  assert.equal(tab.chat.phase, "live");
});

for (const error of [
  new ApiError("network"),
  new ApiError("network", 404),
  new ApiError("unavailable", 503),
]) {
  test(`after ${error.code} ${error.status} storage is kept and the restore tried again`, async () => {
    const { status } = browser.answers;
    browser.answers.status = () => {
      throw error;
    };
    const tab = await restoredTab();
    tab.chat.open();
    assert.equal(tab.chat.send("typed while undecided"), true);
    assert.equal(browser.stored.session_id, SESSION.session_id);
    browser.answers.status = status;
    mock.timers.tick(30_000);
    await settled();
    tab.connection.ready();
    assert.equal(browser.callsOf("start").length, 0, "never a second session");
    assert.deepEqual(
      tab.connection.framesOf("chat.message.send").map(({ body }) => body),
      ["typed while undecided"],
    );
  });
}

test("what was typed during a failing restore is sent in the new chat; older texts wait", async () => {
  let answer;
  browser.answers.status = () => new Promise((resolve) => (answer = resolve));
  const tab = await restoredTab({ outbox: [UNSENT] });
  tab.chat.open();
  browser.now += 1000;
  mock.timers.tick(0);
  const typed = tab.chat.store.queue("typed now");
  typed.created_at = new Date(browser.now).toISOString();
  answer({ status: "ended", restorable: false });
  await settled();
  assert.equal(browser.callsOf("start").length, 1);
  tab.connection.ready({ resume: "new" });
  assert.deepEqual(
    tab.connection.framesOf("chat.message.send").map(({ body }) => body),
    ["typed now"],
  );
  assert.deepEqual(
    tab.chat.store.outbox.map(({ body, state }) => [body, state]),
    [
      ["unsent", "failed"],
      ["typed now", "sending"],
    ],
  );
});

const ARRIVED = message(2, { sender_type: "visitor", ...UNSENT });
const LOST = { ...UNSENT, client_message_id: "6d5bbd1e-58b5-4a55-9d1d-0e63c3a1a3a2", body: "lost" };
const isOver = () => ({ status: "ended", restorable: false });
const textsOf = ({ store }) => store.outbox.map(({ body, state }) => [body, state]);

for (const [how, { record, status, thenSay }] of [
  ["that is over by now", { status: isOver }],
  ["that is too old", { record: { timestamp: Date.parse("2026-01-05T08:00:00Z") } }],
  ["that is over by the time of its hello", { thenSay: { code: "session_over", status: "ended" } }],
]) {
  test(`SM11 of a chat ${how} only what its history does not have is not sent`, async () => {
    const pages = [
      { messages: [ARRIVED], has_more: true },
      { messages: [message(3)], has_more: false },
    ];
    browser.answers.session = () => pages.shift();
    browser.answers.status = status ?? browser.answers.status;
    const seen = [];
    const tab = await restoredTab({ outbox: [UNSENT, LOST], ...record }, (chat) => seen.push(textsOf(chat)));
    if (thenSay) tab.connection.say("error", thenSay);
    await settled();

    const sending = [
      ["unsent", "sending"],
      ["lost", "sending"],
    ];
    assert.deepEqual([...seen, textsOf(tab.chat)], [sending, [["lost", "failed"]]]);
    assert.deepEqual([tab.chat.phase, browser.stored], ["idle", null]);
    const path = `session/${SESSION.session_id}?after=`;
    assert.deepEqual(browser.callsOf("session"), [
      [`${path}1`, SESSION.session_key],
      [`${path}2`, SESSION.session_key],
    ]);
  });
}

test("SM11 while the history cannot be read nothing is called unsent, and nothing is forgotten", async () => {
  browser.answers.status = () => ({ status: "abandoned", restorable: false });
  browser.answers.session = () => {
    throw new ApiError("network");
  };
  const tab = await restoredTab({ outbox: [UNSENT] });
  const waiting = ["restoring", "waiting", [["unsent", "sending"]]];
  assert.deepEqual([tab.chat.phase, tab.chat.link, textsOf(tab.chat)], waiting);
  assert.equal(browser.stored.session_id, SESSION.session_id);

  browser.answers.session = () => ({ messages: [ARRIVED], has_more: false });
  tab.chat.wake();
  await settled();
  assert.deepEqual([tab.chat.phase, textsOf(tab.chat)], ["idle", []]);
  tab.chat.open();
  await settled();
  const { session_id } = SESSION;
  assert.deepEqual(browser.callsOf("start")[0][0].previous, { session_id, outcome: "abandoned" });
});

test("SM11 the next chat has nothing of the history of the one before, however late that can be read", async () => {
  const tab = await startedTab();
  settle({ chat: tab.chat, Timers, signal: new AbortController().signal });
  browser.answers.session = () => {
    throw new ApiError("network");
  };
  tab.chat.send("unsent");
  tab.connection.say("chat.session.ended", { status: "ended", reason: "agent", ended_by: "agent" });
  await settled();
  assert.deepEqual(textsOf(tab.chat), [["unsent", "failed"]]);

  browser.answers.start = () => ({ ...OTHER, status: "queued", policy: POLICY });
  browser.answers.session = () => ({ messages: [message(1), message(2)], has_more: false });
  tab.chat.start();
  await settled();
  tab.connection.ready({ resume: "new", messages: [message(1, { body: "Hello again" })] });
  mock.timers.tick(MINUTE);
  await settled();
  assert.deepEqual(
    tab.chat.store.messages.map(({ body }) => body),
    ["Hello again"],
  );
  assert.deepEqual([tab.chat.phase, textsOf(tab.chat)], ["live", [["unsent", "failed"]]]);
});

test("nothing is read of a chat that is over and left nothing unsent", async () => {
  browser.answers.status = isOver;
  await restoredTab();
  assert.equal(browser.callsOf("session").length, 0);
});

test("what became of a restore is told by the next start, also from a later page, and once", async () => {
  const { session_id } = SESSION;
  const toldBy = async (tab) => {
    tab.chat.open();
    await settled();
    return browser.callsOf("start").at(-1)[0].previous;
  };
  await restoredTab({ timestamp: browser.now - 31 * MINUTE });
  await restoredTab({ timestamp: browser.now - 32 * MINUTE });
  const later = browser.tab();
  later.chat.load();
  assert.deepEqual(await toldBy(later), { session_id, outcome: "expired" });
  await later.chat.end();
  assert.equal(await toldBy(browser.tab()), undefined);
});

test("a restore that the network held up until the chat was given up failed for the network", async () => {
  browser.answers.status = () => {
    throw new ApiError("network");
  };
  const tab = await restoredTab();
  browser.answers.status = () => ({ status: "abandoned", restorable: false });
  tab.chat.wake();
  await settled();
  tab.chat.open();
  await settled();
  const { session_id } = SESSION;
  assert.deepEqual(browser.callsOf("start")[0][0].previous, { session_id, outcome: "network" });
});

test("an item that does not say whose it was is told as such", async () => {
  browser.store('{"session_id": "');
  const tab = browser.tab();
  tab.chat.open();
  await settled();
  assert.deepEqual(browser.callsOf("start")[0][0].previous, { session_id: null, outcome: "storage" });
});

test("what the server will not hear of the last chat does not keep it from the next", async () => {
  browser.tabItems.set("cc_chat_session:chat.test:demo-tenant:previous", '{"outcome": "tampered"}');
  const { start } = browser.answers;
  browser.answers.start = (body) => {
    if (body.previous) throw new ApiError("invalid", 400);
    return start();
  };
  const tab = browser.tab();
  tab.chat.open();
  await settled();
  assert.equal(tab.chat.trouble, "unavailable");
  tab.chat.resume();
  await settled();
  assert.equal(tab.chat.phase, "live");
});

test("a window that is open because it was begins no chat in place of one that is over", async () => {
  browser.tabItems.set("cc_chat_view", `${SESSION.session_id} 0`);
  browser.answers.status = () => ({ status: "ended", restorable: false });
  const tab = await restoredTab({}, (chat) => {
    assert.equal(chat.wasOpen, true);
    chat.open(false);
  });
  assert.deepEqual([tab.chat.phase, browser.callsOf("start").length], ["idle", 0]);

  const writer = await restoredTab({}, (chat) => {
    chat.open(false);
    chat.send("I am here");
  });
  assert.equal(browser.callsOf("start").length, 1);
  assert.deepEqual(
    writer.chat.store.outbox.map(({ body }) => body),
    ["I am here"],
  );
});

test("only the window of this tab, with this chat, was open", () => {
  browser.tabItems.set("cc_chat_view", `${OTHER.session_id} 0`);
  const none = browser.tab();
  none.chat.load();
  assert.ok(!none.chat.wasOpen);
  browser.store({ ...SESSION, timestamp: browser.now });
  const tab = browser.tab();
  tab.chat.load();
  assert.ok(!tab.chat.wasOpen);
});

test("a chat that was given up while its socket stood is taken up again, if it can be had back", async () => {
  const tab = await startedTab();
  tab.chat.send("hello");
  browser.answers.status = () => ({ status: "abandoned", restorable: true });
  tab.connection.say("chat.session.ended", {
    status: "abandoned",
    reason: "disconnected",
    ended_by: "system",
  });
  assert.equal(browser.stored.session_id, SESSION.session_id, "kept while it is undecided");
  await settled();
  assert.equal(tab.connections.length, 2);
  tab.connection.ready({ resume: "reopened" });
  assert.deepEqual([tab.chat.phase, tab.chat.ended, tab.connection.said.restored], ["live", null, true]);
  assert.deepEqual(
    tab.connection.framesOf("chat.message.send").map(({ body }) => body),
    ["hello"],
  );
});

test("a chat that was given up and cannot be had back is shown as over, with its reason", async () => {
  const told = { status: "abandoned", reason: "idle", ended_by: "system" };
  const tab = await startedTab();
  tab.chat.open();
  browser.answers.status = () => {
    throw new ApiError("network");
  };
  tab.connection.say("chat.session.ended", told);
  await settled();
  assert.equal(browser.stored.session_id, SESSION.session_id, "the network decides nothing");
  browser.answers.status = () => ({ status: "abandoned", restorable: false });
  mock.timers.tick(1000);
  await settled();
  assert.deepEqual([tab.chat.phase, tab.chat.ended, browser.stored], ["over", told, null]);
  assert.equal(browser.callsOf("start").length, 1, "no other begins by itself");
});

test("one that is given up again while it is taken up is over", async () => {
  const tab = await startedTab();
  browser.answers.status = () => ({ status: "abandoned", restorable: true });
  tab.connection.say("pong", { last_seq: 0, status: "abandoned" });
  await settled();
  tab.connection.say("error", { code: "session_over", status: "abandoned", reason: "idle" });
  await settled();
  assert.deepEqual([tab.chat.phase, tab.connections.length], ["over", 2]);
});

test("a half-written text is there on the next page and in the other tabs, and goes with its message", async () => {
  const tab = await startedTab();
  const other = browser.tab();
  other.chat.load();
  await settled();
  other.connection.ready();
  tab.chat.keepDraft("half a");
  await settled();
  assert.equal(other.chat.draft, "half a");
  other.connection.say("chat.message.new", { message: message(1) });
  const next = browser.tab();
  next.chat.load();
  assert.equal(next.chat.draft, "half a");
  next.chat.keepDraft("");
  await settled();
  assert.deepEqual([tab.chat.draft, other.chat.draft, browser.stored.draft], ["", "", ""]);
});

test("a text that was sent does not come back from a tab that heard of it late", async () => {
  const tab = await startedTab();
  tab.chat.keepDraft("half a");
  const before = browser.stored;
  tab.chat.keepDraft("");
  browser.store(before);
  tab.chat.wake();
  assert.deepEqual([tab.chat.draft, browser.stored.draft], ["", ""]);
  browser.store({ ...before, version: undefined, draft: "of an older release" });
  const next = browser.tab();
  next.chat.load();
  assert.equal(next.chat.draft, "of an older release");
});

test("a tab with many drafts behind it takes over that of the next chat, which another one has begun", async () => {
  const old = await startedTab();
  for (const text of ["a", "ab", ""]) old.chat.keepDraft(text);
  await old.chat.end();
  old.chat.close();
  const next = browser.tab();
  next.chat.start();
  await settled();
  next.connection.ready();
  next.chat.keepDraft("half a");
  await settled();
  assert.equal(old.chat.phase, "live");
  assert.deepEqual([old.chat.draft, next.chat.draft, browser.stored.draft], ["half a", "half a", "half a"]);
});

test("a tab that missed what another one wrote does not undo it", async () => {
  const tab = await startedTab();
  browser.store({ ...browser.stored, draft: "half a", read_seq: 7, outbox: [UNSENT] });
  tab.connection.say("chat.message.new", { message: message(1) });
  const { draft, read_seq, outbox } = browser.stored;
  assert.deepEqual([draft, read_seq, outbox.map(({ body }) => body)], ["half a", 7, ["unsent"]]);
  browser.store({ ...browser.stored, draft: "half a text" });
  tab.chat.wake();
  assert.equal(tab.chat.draft, "half a text", "a page that comes back reads what it has missed");
});

test("BS14 a device clock that is set during the chat ages it by nothing", async () => {
  const tab = await startedTab();
  const DAY = 24 * 60 * MINUTE;
  let serverTime = browser.now;
  const pong = () =>
    tab.connection.say("pong", {
      last_seq: 0,
      status: "queued",
      server_time: new Date(serverTime).toISOString(),
    });
  for (const jump of [2 * DAY, -4 * DAY]) {
    pong();
    browser.now += jump;
    serverTime += MINUTE;
    pong();
    assert.equal(tab.chat.skew, serverTime - browser.now);
    const next = browser.tab();
    next.chat.load();
    assert.equal(next.chat.phase, "restoring");
  }
  const { timestamp } = browser.stored;
  serverTime += 1000;
  browser.now += 1000;
  pong();
  assert.equal(browser.stored.timestamp, timestamp, "a heartbeat alone renews nothing");
});

test("BS02 a damaged item is cleared, and the next start says so", async () => {
  browser.store({ ...SESSION, session_key: "short" });
  const tab = browser.tab();
  tab.chat.load();
  assert.equal(browser.stored, null);
  tab.chat.open();
  await settled();
  assert.deepEqual(browser.callsOf("start")[0][0].previous, {
    session_id: SESSION.session_id,
    outcome: "storage",
  });
});

test("texts are sent one after the other, each when the one before is settled", async () => {
  const tab = await startedTab();
  for (const text of ["one", "two", "three"]) tab.chat.send(text);
  const sends = () => tab.connection.framesOf("chat.message.send");
  const ack = (seq) => {
    const { client_message_id, body } = sends().at(-1);
    const fields = { client_message_id, body, sender_type: "visitor" };
    tab.connection.say("chat.message.ack", { client_message_id, message: message(seq, fields) });
  };
  assert.deepEqual(
    sends().map(({ body }) => body),
    ["one"],
  );
  ack(1);
  tab.connection.say("error", {
    code: "rate_limited",
    client_message_id: sends().at(-1).client_message_id,
    retry_after_ms: 5000,
  });
  tab.chat.send("four");
  assert.deepEqual(
    sends().map(({ body }) => body),
    ["one", "two"],
    "nothing overtakes a text that has to wait",
  );
  mock.timers.tick(5000);
  ack(2);
  tab.connection.say("error", {
    code: "invalid",
    message: "No.",
    client_message_id: sends().at(-1).client_message_id,
  });
  ack(3);
  assert.deepEqual(
    sends().map(({ body }) => body),
    ["one", "two", "two", "three", "four"],
  );
  assert.deepEqual(
    tab.chat.store.outbox.map(({ body, state, error }) => [body, state, error.message]),
    [["three", "failed", "No."]],
  );
});

test("a refused text is sent again under its id when the visitor asks for it", async () => {
  const tab = await startedTab();
  tab.chat.send("please");
  const [{ client_message_id }] = tab.connection.framesOf("chat.message.send");
  tab.connection.say("error", { code: "invalid", message: "No.", client_message_id });
  tab.chat.retry(client_message_id);
  const ids = tab.connection.framesOf("chat.message.send").map((sent) => sent.client_message_id);
  assert.deepEqual(ids, [client_message_id, client_message_id]);
});

test("what was not acknowledged is sent again after a reconnect and a heartbeat, under its id", async () => {
  const tab = await startedTab();
  tab.chat.send("hello");
  tab.connection.say("pong", { last_seq: 0, status: "queued" });
  tab.connection.say("chat.session.ready", {
    session: {},
    messages: [],
    last_seq: 0,
    resume: "resumed",
    policy: POLICY,
  });
  const ids = tab.connection.framesOf("chat.message.send").map(({ client_message_id }) => client_message_id);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 1);
});

test("a text that was not acknowledged survives a reload and is sent once", async () => {
  const before = await startedTab();
  before.chat.send("hello");
  const [{ client_message_id }] = before.connection.framesOf("chat.message.send");
  before.chat.shutdown();
  const after = browser.tab();
  after.chat.load();
  await settled();
  after.connection.ready();
  const sends = after.connection.framesOf("chat.message.send");
  assert.deepEqual(
    sends.map((sent) => sent.client_message_id),
    [client_message_id],
  );
});

test("missing messages are asked for: in a hole, after a heartbeat, older ones once it is open", async () => {
  const tab = await restoredTab({ messages: [message(3), message(4)] });
  tab.connection.ready({ last_seq: 4 });
  const asked = () => tab.connection.framesOf("chat.history").map(({ limit, ...from }) => from);
  assert.deepEqual(asked(), []);
  tab.connection.say("chat.message.new", { message: message(7) });
  tab.connection.say("chat.message.new", { message: message(8) });
  assert.deepEqual(asked(), [{ after_seq: 4 }], "once");
  tab.connection.say("chat.history", { messages: [message(5), message(6)], last_seq: 8 });
  tab.connection.say("pong", { last_seq: 9, status: "active" });
  assert.deepEqual(asked().at(-1), { after_seq: 8 });
  tab.connection.say("chat.history", { messages: [message(9)], last_seq: 9 });
  tab.chat.open();
  assert.deepEqual(asked().at(-1), { before_seq: 3 });
  tab.connection.say("chat.history", { messages: [message(1), message(2)], last_seq: 9 });
  assert.equal(asked().length, 3);
  assert.deepEqual(
    tab.chat.store.messages.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

test("a hole that the server cannot fill is asked for once a heartbeat, not in a loop", async () => {
  const tab = await startedTab();
  tab.connection.say("chat.message.new", { message: message(5) });
  for (let i = 0; i < 3; i += 1) tab.connection.say("chat.history", { messages: [], last_seq: 5 });
  assert.equal(tab.connection.framesOf("chat.history").length, 1);
});

test("after resync nothing of the old view is left", async () => {
  const tab = await restoredTab({ messages: [message(1, { body: "old" }), message(2)] });
  tab.connection.ready({ messages: [message(1, { body: "new" })], last_seq: 1, resume: "resync" });
  assert.deepEqual(
    tab.chat.store.messages.map(({ body }) => body),
    ["new"],
  );
});

test("the agent's messages are unread until the window is open on a visible page", async () => {
  const tab = await restoredTab({ messages: [], read_seq: 0 });
  tab.connection.ready({ messages: [message(1), message(2, { sender_type: "visitor" })] });
  tab.connection.say("chat.message.new", { message: message(3) });
  assert.equal(tab.chat.unread, 2);
  tab.page.visible = false;
  tab.chat.open();
  assert.equal(tab.chat.unread, 2);
  tab.page.visible = true;
  tab.chat.markRead();
  assert.equal(tab.chat.unread, 0);
  assert.deepEqual(tab.connection.framesOf("chat.read"), [{ seq: 3 }]);
  assert.equal(browser.stored.read_seq, 3);
});

test("parts hear each frame, and that the visitor has sent something", async () => {
  const tab = await startedTab();
  const heard = [];
  tab.chat.addEventListener("frame", ({ detail }) => heard.push(detail.type));
  tab.chat.addEventListener("send", () => heard.push("send"));
  tab.connection.say("chat.typing", { sender_type: "agent", is_typing: true });
  tab.connection.say("chat.of.tomorrow", {});
  tab.chat.send("hello");
  assert.deepEqual(heard, ["chat.typing", "chat.of.tomorrow", "send"]);
});

test("the host page hears of each start, restore, expiry and end", async () => {
  const heard = [];
  const listen = (chat) =>
    chat.addEventListener("session", ({ detail: { name, ...facts } }) => heard.push([name, facts]));
  const ids = { sessionId: SESSION.session_id, conversationId: SESSION.conversation_id };
  const told = (name, facts = {}) => [name, { ...ids, ...facts }];

  const first = browser.tab();
  listen(first.chat);
  first.chat.open();
  await settled();
  first.connection.ready({ resume: "new" });
  assert.deepEqual(heard.splice(0), [told("session:start")]);

  const second = browser.tab();
  listen(second.chat);
  second.chat.load();
  await settled();
  second.connection.ready();
  assert.deepEqual(heard.splice(0), [told("session:restored")]);

  const ended = { status: "ended", reason: "agent", ended_by: "agent" };
  for (const { connection } of [first, second]) connection.say("chat.session.ended", ended);
  const end = { status: "ended", reason: "agent", endedBy: "agent" };
  assert.deepEqual(heard.splice(0), [told("session:ended", end), told("session:ended", end)], "in both tabs");

  browser.store({ ...SESSION, timestamp: browser.now - 31 * MINUTE });
  const third = browser.tab();
  listen(third.chat);
  third.chat.load();
  assert.deepEqual(heard, [told("session:expired", { outcome: "expired" })]);
});

test("a text that the page sends begins a chat where there is none, also after one that is over", async () => {
  const tab = browser.tab();
  const sendsInNewChat = async (text, session) => {
    browser.answers.start = () => ({ ...session, status: "queued", policy: POLICY });
    assert.equal(tab.chat.send(text), true);
    await settled();
    tab.connection.ready({ resume: "new" });
    assert.deepEqual(
      tab.connection.framesOf("chat.message.send").map(({ body }) => body),
      [text],
    );
    assert.equal(tab.chat.ids.sessionId, session.session_id);
  };
  await sendsInNewChat("first", SESSION);
  const [{ client_message_id }] = tab.connection.framesOf("chat.message.send");
  tab.connection.say("chat.message.ack", { message: message(1, { client_message_id, body: "first" }) });
  tab.connection.say("chat.session.ended", { status: "ended", reason: "agent" });
  assert.equal(tab.chat.phase, "over");
  await sendsInNewChat("second", OTHER);
});

test("who the visitor is is told with each connection, and when the site says so", async () => {
  const visitor = { name: "Vera", email: "vera@shop.test" };
  const tab = await startedTab();
  assert.deepEqual(tab.connection.framesOf("chat.identify"), [], "the site has not said");
  const next = browser.tab({ visitor });
  next.chat.load();
  await settled();
  next.connection.ready();
  assert.deepEqual(next.connection.framesOf("chat.identify"), [visitor]);
  next.chat.identify();
  assert.deepEqual(next.connection.framesOf("chat.identify"), [visitor, visitor]);
});

test("with persistMessages off the chat is stored without what was said", async () => {
  const tab = browser.tab({ persistMessages: false });
  tab.chat.open();
  await settled();
  tab.connection.ready({ resume: "new", messages: [message(1)] });
  tab.chat.send("mine");
  assert.deepEqual([browser.stored.session_id, browser.stored.messages], [SESSION.session_id, []]);
  assert.equal(browser.stored.outbox.length, 1, "what is unsent is kept all the same");
});

test("a page that empties the storage does not lose the chat", async () => {
  const tab = await startedTab();
  browser.items.clear();
  tab.chat.keep();
  assert.equal(browser.stored.session_id, SESSION.session_id);
  await tab.chat.end();
  tab.chat.keep();
  assert.equal(browser.stored, null, "one that is over stays forgotten");
});

test("ending clears storage here and ends it in every tab; then the next opening is a new chat", async () => {
  const first = await startedTab();
  const second = browser.tab();
  second.chat.load();
  await settled();
  second.connection.ready();
  await first.chat.end();
  assert.deepEqual(browser.callsOf("end"), [[SESSION.session_id, SESSION.session_key]]);
  assert.equal(browser.stored, null);
  second.connection.say("chat.session.ended", { status: "ended", reason: "visitor", ended_by: "visitor" });
  for (const { chat, connection } of [first, second]) {
    assert.deepEqual([chat.phase, chat.ended.ended_by, connection.state], ["over", "visitor", "closed"]);
  }
  first.chat.close();
  assert.equal(first.chat.phase, "idle");
  first.chat.open();
  await settled();
  assert.equal(browser.callsOf("start").length, 2);
});

test("a tab that waits for its next try connects at once when another tab has ended the chat", async () => {
  const first = await startedTab();
  const second = browser.tab();
  second.chat.load();
  await settled();
  second.connection.ready();
  second.connection._become("waiting");
  first.chat.send("only a change");
  await settled();
  assert.notEqual(second.connection.hurried, true, "one of many changes");
  await first.chat.end();
  await settled();
  assert.equal(second.connection.hurried, true);
});

test("an end that does not reach the server is not pretended", async () => {
  const tab = await startedTab();
  browser.answers.end = () => {
    throw new ApiError("network");
  };
  await assert.rejects(tab.chat.end(), { code: "network" });
  assert.equal(tab.chat.phase, "live");
  assert.equal(browser.stored.session_id, SESSION.session_id);
});

for (const [code, outcome] of [
  [4410, "agent"],
  [4401, "not_found"],
]) {
  test(`close ${code} is the end of the chat: its texts stay to be read, its storage goes`, async () => {
    const tab = await startedTab();
    tab.chat.send("not delivered");
    if (code === 4410)
      tab.connection.say("error", { code: "session_over", status: "ended", reason: "agent" });
    tab.connection.stop(code);
    assert.deepEqual([tab.chat.phase, tab.chat.ended.reason, browser.stored], ["over", outcome, null]);
    assert.deepEqual(
      tab.chat.store.outbox.map(({ state }) => state),
      ["failed"],
    );
  });
}

test("one tab too many stops, and goes on when the visitor says so", async () => {
  const tab = await startedTab();
  tab.connection.stop(4409);
  assert.equal(tab.chat.trouble, "replaced");
  tab.chat.wake();
  assert.equal(tab.connection.state, "closed");
  tab.chat.resume();
  assert.equal(tab.chat.trouble, null);
  tab.connection.ready();
  assert.equal(tab.chat.link, "ready");
  assert.equal(browser.stored.session_id, SESSION.session_id);
});

test("a tab that had no chat joins the one that another tab has begun", async () => {
  const second = browser.tab();
  second.chat.load();
  await startedTab();
  assert.equal(second.connections.length, 1);
  second.connection.ready();
  assert.deepEqual([second.connection.said.restored, second.chat.restoredAfter], [false, null]);
});

test("a tab that opens at the same moment uses the session that was stored first", async () => {
  const tab = browser.tab();
  const { start } = browser.answers;
  browser.answers.start = () => {
    throw new ApiError("network");
  };
  tab.chat.open();
  tab.chat.send("mine");
  await settled();
  browser.answers.start = start;
  browser.store({ ...OTHER, messages: [], timestamp: browser.now });
  tab.chat.wake();
  await settled();
  tab.connection.ready();
  assert.equal(browser.callsOf("start").length, 1);
  assert.equal(tab.connection.sessionId, OTHER.session_id);
  assert.deepEqual(
    tab.connection.framesOf("chat.message.send").map(({ body }) => body),
    ["mine"],
  );
});

test("a session that another tab has begun meanwhile is not cleared by the end of the old one", async () => {
  const tab = await startedTab();
  browser.store({ ...OTHER, messages: [], timestamp: browser.now });
  tab.connection.stop(4410);
  assert.equal(browser.stored.session_id, OTHER.session_id);
  tab.chat.start();
  await settled();
  assert.equal(tab.connection.sessionId, OTHER.session_id);
});

test("the stored time is renewed by activity, not by a heartbeat of a page that nobody uses", async () => {
  const tab = await startedTab();
  const { ping } = tab.connection;
  const begun = browser.stored.timestamp;
  browser.now += 10 * MINUTE;
  assert.equal(ping().active, false);
  tab.connection.say("pong", { last_seq: 0, status: "queued" });
  assert.equal(browser.stored.timestamp, begun);
  tab.page.used = true;
  assert.equal(ping().active, true);
  assert.equal(browser.stored.timestamp, browser.now);
});

test("a start whose session is over by now is followed by another start", async () => {
  const { start } = browser.answers;
  browser.answers.start = () => {
    throw new ApiError("session_over", 410);
  };
  const tab = browser.tab();
  tab.chat.open();
  await settled();
  browser.answers.start = start;
  mock.timers.tick(1000);
  await settled();
  const [[first], [second]] = browser.callsOf("start");
  assert.notEqual(first.start_id, second.start_id);
  assert.equal(tab.chat.phase, "live");
});

test("a chat that is ended while its restore is undecided is over, and no other begins by itself", async () => {
  browser.answers.status = () => new Promise(() => {});
  const tab = await restoredTab();
  tab.chat.open();
  await tab.chat.end();
  assert.deepEqual([tab.chat.phase, tab.chat.ended.ended_by, browser.stored], ["over", "visitor", null]);
  assert.equal(browser.callsOf("start").length, 0);
});

test("the answer to an end that comes after the next chat has begun does not end that one", async () => {
  const tab = await startedTab();
  let answer;
  browser.answers.end = () => new Promise((resolve) => (answer = resolve));
  const ending = tab.chat.end();
  tab.connection.stop(4410);
  browser.answers.start = () => ({ ...OTHER, status: "queued", policy: POLICY });
  tab.chat.start();
  await settled();
  answer({ status: "ended" });
  await ending;
  assert.deepEqual([tab.chat.phase, browser.stored.session_id], ["live", OTHER.session_id]);
});

test("what another tab has not sent yet is not lost when this one saves", async () => {
  const tab = await startedTab();
  browser.store({ ...browser.stored, outbox: [UNSENT] });
  tab.connection.say("chat.message.new", { message: message(1) });
  assert.deepEqual(
    browser.stored.outbox.map(({ body }) => body),
    ["unsent"],
  );
});

test("leaving the page writes nothing: what stands in storage is for the next one", async () => {
  const tab = await startedTab();
  browser.store({ ...browser.stored, timestamp: 1 });
  tab.page.used = true;
  tab.page.visible = false;
  assert.equal(tab.connection.ping().active, true);
  assert.equal(browser.stored.timestamp, 1);
});

test("a row of vain tries is one wait, without flicker", async () => {
  const tab = await startedTab();
  const links = [];
  tab.chat.addEventListener("change", () => links.push(tab.chat.link));
  for (const state of ["waiting", "connecting", "waiting", "connecting", "ready"])
    tab.connection._become(state);
  assert.deepEqual(links, ["waiting", "waiting", "waiting", "waiting", "ready"]);
});

// Nobody is there

async function turnedAway(atOnce = () => {}) {
  browser.answers.start = () => ({ online: false });
  const tab = browser.tab();
  tab.chat.open();
  atOnce(tab.chat);
  await settled();
  return tab;
}

test("while nobody is there no chat begins, nothing is stored, and it is asked again with each opening", async () => {
  const tab = await turnedAway();
  assert.deepEqual([tab.chat.phase, tab.chat.trouble], ["idle", "nobody"]);
  assert.equal(browser.callsOf("start")[0][0].offline_form, true);
  assert.deepEqual([tab.connections.length, browser.stored], [0, null]);

  tab.chat.close();
  browser.answers.start = () => ({ ...SESSION, policy: POLICY });
  tab.chat.open();
  assert.equal(tab.chat.trouble, null);
  await settled();
  assert.equal(tab.chat.phase, "live");
});

test("what was sent before it was known that nobody is there is half-written again", async () => {
  const tab = await turnedAway((chat) => {
    chat.send("hello");
    chat.send("anybody?");
    chat.keepDraft("half a sen");
  });
  assert.equal(tab.chat.draft, "hello\nanybody?\nhalf a sen");
  assert.deepEqual(tab.chat.store.outbox, []);
});

test("why the chat before was not restored is told to the start that comes about", async () => {
  browser.store({ ...SESSION, messages: [], timestamp: browser.now - 31 * MINUTE });
  const tab = await turnedAway();
  tab.chat.close();
  browser.answers.start = () => ({ ...OTHER, policy: POLICY });
  tab.chat.open();
  await settled();
  const outcomes = browser.callsOf("start").map(([{ previous }]) => previous?.outcome);
  assert.deepEqual(outcomes, ["expired", "expired"]);
});

// Without a socket

test("what stands in for the socket carries the frames both ways until there is one", async () => {
  const tab = browser.tab();
  tab.chat.load();
  tab.chat.open();
  await settled();
  const { talk } = tab.chat;
  const sent = [];
  talk.standIn = { send: (type, payload) => sent.push([type, payload]) };
  talk.link = "ready";
  talk.receive("chat.session.ready", { session: {}, messages: [], last_seq: 0, policy: POLICY });
  tab.connection._become("waiting");
  assert.equal(tab.chat.link, "ready");

  tab.chat.send("hello");
  const [[type, { client_message_id, body }]] = sent;
  assert.deepEqual([type, body, tab.connection.sent], ["chat.message.send", "hello", []]);

  // The acknowledgement is late: the socket asks for it under the same id.
  tab.connection.ready();
  assert.equal(talk.standIn, null);
  assert.deepEqual(tab.connection.framesOf("chat.message.send"), [{ client_message_id, body }]);
  const stored = message(1, { sender_type: "visitor", client_message_id, body });
  talk.receive("chat.message.ack", { client_message_id, message: stored });
  tab.connection.say("chat.message.ack", { client_message_id, message: stored });
  assert.deepEqual([tab.chat.store.messages.length, tab.chat.store.outbox.length], [1, 0]);
});
