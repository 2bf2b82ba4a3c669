import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Connection } from "../src/connection.js";
import { FakeWebSocket } from "./fixtures.js";

const HEARTBEAT_MS = 30_000;

class FakeDocument extends EventTarget {
  visibilityState = "visible";

  show(visibilityState) {
    this.visibilityState = visibilityState;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

let page;

beforeEach(() => {
  FakeWebSocket.all = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  page = { window: new EventTarget(), document: new FakeDocument() };
});

/** A connection and a log of what it emitted. `random` 1 makes every wait as long as it can be. */
function connect(options = {}) {
  const connection = new Connection({
    url: "ws://chat.test/ws",
    hello: () => ({ after_seq: 7 }),
    ready: "chat.session.ready",
    ping: () => ({ visible: true }),
    heartbeatInterval: HEARTBEAT_MS,
    WebSocket: FakeWebSocket,
    random: () => 1,
    ...page,
    ...options,
  });
  const log = [];
  for (const name of ["state", "frame", "stopped"]) {
    connection.addEventListener(name, ({ detail }) => log.push({ name, ...detail }));
  }
  connection.open();
  return { connection, log };
}

function becomeReady() {
  FakeWebSocket.last.accept();
  FakeWebSocket.last.say("chat.session.ready", { last_seq: 7 });
}

const sent = (type) => FakeWebSocket.last.sent.filter((frame) => frame.type === type);

test("says hello when the socket opens, and is ready only when that is answered", () => {
  const { connection, log } = connect();
  assert.equal(connection.state, "connecting");
  assert.equal(connection.send("chat.typing", {}), false, "nothing is sent before ready");
  FakeWebSocket.last.accept();
  assert.equal(connection.state, "connecting");
  assert.deepEqual(FakeWebSocket.last.sent, [{ type: "hello", payload: { after_seq: 7 } }]);
  FakeWebSocket.last.say("chat.session.ready", { last_seq: 7 });
  assert.equal(connection.state, "ready");
  assert.deepEqual(log.slice(1), [
    { name: "state", state: "ready", retryInMs: null },
    { name: "frame", type: "chat.session.ready", payload: { last_seq: 7 } },
  ]);
  assert.equal(connection.send("chat.typing", { is_typing: true }), true);
  assert.deepEqual(sent("chat.typing")[0].payload, { is_typing: true });
});

test("the snapshot's listener can already send", () => {
  const { connection } = connect();
  connection.addEventListener("frame", () =>
    connection.send("chat.message.send", { body: "from the outbox" }),
  );
  becomeReady();
  assert.equal(sent("chat.message.send").length, 1);
});

test("tries again after 1, 2, 4 … at most 30 s, times a random share", () => {
  const { log } = connect();
  for (let attempt = 0; attempt < 7; attempt += 1) {
    FakeWebSocket.last.hangUp();
    mock.timers.tick(log.at(-1).retryInMs);
    assert.equal(FakeWebSocket.all.length, attempt + 2);
  }
  const waits = log.filter(({ state }) => state === "waiting").map(({ retryInMs }) => retryInMs);
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);

  const jittered = connect({ random: () => 0.25 });
  FakeWebSocket.last.hangUp();
  assert.equal(jittered.log.at(-1).retryInMs, 250);
});

test("the backoff starts over only after 10 s of being ready", () => {
  const { log } = connect();
  const cut = () => {
    FakeWebSocket.last.hangUp();
    const { retryInMs } = log.at(-1);
    mock.timers.tick(retryInMs);
    return retryInMs;
  };
  assert.equal(cut(), 1000);
  becomeReady();
  mock.timers.tick(9_999);
  assert.equal(cut(), 2000, "a server that accepts and drops is not hammered");
  becomeReady();
  mock.timers.tick(10_000);
  assert.equal(cut(), 1000);
});

test("without an answer to hello for 10 s it tries another socket", () => {
  const { connection } = connect();
  FakeWebSocket.last.accept();
  mock.timers.tick(9_999);
  assert.equal(connection.state, "connecting");
  mock.timers.tick(1);
  assert.equal(connection.state, "waiting");
  assert.equal(FakeWebSocket.last.closedWith, 1000);
  mock.timers.tick(1000);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a slow server is given longer with each try, up to 40 s", () => {
  const { connection } = connect();
  for (const patience of [10_000, 20_000, 40_000, 40_000]) {
    FakeWebSocket.last.accept();
    mock.timers.tick(patience - 1);
    assert.equal(connection.state, "connecting");
    mock.timers.tick(1);
    assert.equal(connection.state, "waiting");
    connection.reconnectNow();
  }
  becomeReady();
  assert.equal(connection.state, "ready");
});

test("a heartbeat each interval, and a reconnect when one is not answered within 10 s", () => {
  const { connection } = connect();
  becomeReady();
  for (let beats = 1; beats <= 3; beats += 1) {
    mock.timers.tick(HEARTBEAT_MS);
    assert.equal(sent("ping").length, beats);
    FakeWebSocket.last.say("pong", {});
  }
  mock.timers.tick(HEARTBEAT_MS);
  mock.timers.tick(9_999);
  assert.equal(connection.state, "ready");
  mock.timers.tick(1);
  assert.equal(connection.state, "waiting");
});

test("a new heartbeat interval counts from now", () => {
  const { connection } = connect();
  becomeReady();
  mock.timers.tick(20_000);
  connection.heartbeatInterval = 15_000;
  assert.equal(connection.heartbeatInterval, 15_000);
  mock.timers.tick(14_999);
  assert.equal(sent("ping").length, 0);
  mock.timers.tick(1);
  assert.equal(sent("ping").length, 1);
});

for (const code of [4401, 4403, 4409, 4410]) {
  test(`close ${code} stops for good`, () => {
    const { connection, log } = connect();
    becomeReady();
    FakeWebSocket.last.hangUp(code, "over");
    assert.deepEqual(log.slice(-2), [
      { name: "state", state: "closed", retryInMs: null },
      { name: "stopped", code, reason: "over" },
    ]);
    mock.timers.tick(600_000);
    page.window.dispatchEvent(new Event("online"));
    connection.reconnectNow();
    assert.equal(FakeWebSocket.all.length, 1);
  });
}

for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 1013, 4400, 4408, 4413]) {
  test(`close ${code} is tried again`, () => {
    const { connection } = connect();
    becomeReady();
    FakeWebSocket.last.hangUp(code);
    assert.equal(connection.state, "waiting");
    mock.timers.tick(1000);
    assert.equal(FakeWebSocket.all.length, 2);
  });
}

test("close 4429 waits as long as the error said, and the jitter on top", () => {
  const { log } = connect();
  becomeReady();
  FakeWebSocket.last.say("error", { code: "rate_limited", retry_after_ms: 7000 });
  FakeWebSocket.last.hangUp(4429);
  assert.equal(log.at(-1).retryInMs, 8000);
});

test("an error's wait does not delay a reconnect for another reason", () => {
  const { log } = connect();
  becomeReady();
  FakeWebSocket.last.say("error", { code: "rate_limited", retry_after_ms: 7000 });
  FakeWebSocket.last.hangUp(1006);
  assert.equal(log.at(-1).retryInMs, 1000);
});

test("a restarting server is given its time, once, and never an absurd one", () => {
  const { log } = connect();
  becomeReady();
  FakeWebSocket.last.say("server.restart", { retry_after_ms: 5000 });
  FakeWebSocket.last.hangUp(1012);
  assert.equal(log.at(-1).retryInMs, 6000);
  mock.timers.tick(6000);
  becomeReady();
  FakeWebSocket.last.hangUp(1012);
  assert.equal(log.at(-1).retryInMs, 2000);

  for (const [value, expected] of [
    [1e12, 301_000],
    ["x", 1000],
    [-5, 1000],
    [null, 1000],
  ]) {
    const other = connect();
    becomeReady();
    FakeWebSocket.last.say("server.restart", { retry_after_ms: value });
    FakeWebSocket.last.hangUp(1012);
    assert.equal(other.log.at(-1).retryInMs, expected);
  }
});

for (const wake of ["online", "visible", "pageshow", "reconnectNow"]) {
  test(`${wake} ends a wait at once`, () => {
    const { connection } = connect();
    FakeWebSocket.last.hangUp();
    if (wake === "visible") page.document.show("visible");
    else if (wake === "reconnectNow") connection.reconnectNow();
    else page.window.dispatchEvent(new Event(wake));
    assert.equal(connection.state, "connecting");
    assert.equal(FakeWebSocket.all.length, 2);
    mock.timers.tick(1000);
    assert.equal(FakeWebSocket.all.length, 2, "the timer of the wait is gone");
  });
}

test("tells the server at once when the page is hidden, shown, or the network changes", () => {
  connect();
  becomeReady();
  page.document.show("hidden");
  page.document.show("visible");
  page.window.dispatchEvent(new Event("offline"));
  page.window.dispatchEvent(new Event("online"));
  assert.equal(sent("ping").length, 4);
});

test("further pings do not prolong the wait for the first one's answer", () => {
  const { connection } = connect();
  becomeReady();
  page.document.show("hidden");
  mock.timers.tick(9_000);
  page.document.show("visible");
  mock.timers.tick(1_000);
  assert.equal(connection.state, "waiting");
});

test("a page put aside closes its socket, and connects again when it is shown", () => {
  const { connection } = connect();
  becomeReady();
  const before = FakeWebSocket.last;
  page.window.dispatchEvent(new Event("pagehide"));
  assert.equal(before.closedWith, 1000);
  mock.timers.tick(600_000);
  assert.equal(FakeWebSocket.all.length, 1, "no timer opens a socket while the page is away");
  page.window.dispatchEvent(new Event("pageshow"));
  assert.equal(FakeWebSocket.all.length, 2);
  before.hangUp(1006);
  assert.equal(connection.state, "connecting", "the old socket's late close is not the new one's");
});

test("close ends everything; open starts anew", () => {
  const { connection } = connect();
  becomeReady();
  const before = FakeWebSocket.last;
  connection.close();
  assert.equal(before.closedWith, 1000);
  assert.equal(connection.state, "closed");
  mock.timers.tick(600_000);
  page.window.dispatchEvent(new Event("online"));
  before.say("chat.message.new", {});
  assert.equal(FakeWebSocket.all.length, 1);
  connection.open();
  connection.open();
  assert.equal(FakeWebSocket.all.length, 2);
  becomeReady();
  page.document.show("hidden");
  assert.equal(sent("ping").length, 1, "listeners are there once");
});

test("a browser that refuses the socket itself is asked again later", () => {
  const refusing = class {
    constructor() {
      throw new Error("blocked by the page's policy");
    }
  };
  const { connection, log } = connect({ WebSocket: refusing });
  assert.equal(connection.state, "waiting");
  mock.timers.tick(1000);
  assert.equal(log.at(-1).retryInMs, 2000);
});

test("a frame that is none is ignored", () => {
  const { connection, log } = connect();
  becomeReady();
  const before = log.length;
  for (const data of ["", "{", "5", "null", "[]", '{"type":5}', '{"payload":{}}'])
    FakeWebSocket.last.sayRaw(data);
  assert.equal(log.length, before);
  FakeWebSocket.last.sayRaw('{"type":"server.news","payload":[]}');
  assert.deepEqual(log.at(-1), { name: "frame", type: "server.news", payload: {} });
  assert.equal(connection.state, "ready");
});

test("works where there is no window and no document", () => {
  page = { window: undefined, document: undefined };
  const { connection } = connect();
  becomeReady();
  assert.equal(connection.state, "ready");
  connection.close();
});
