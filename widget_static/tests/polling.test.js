import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { ApiError } from "../src/api.js";
import { create } from "../src/parts/polling.js";
import { cleanText, FRAME } from "../src/protocol.js";
import { MessageStore } from "../src/store.js";
import { Talk } from "../src/talk.js";
import { Timers } from "../src/timers.js";
import { message } from "./fixtures.js";

const SHOWN = { session_id: "0d9f2a52-1c53-4c6e-8a53-2d1f3f6f8f10", session_key: "key" };
const SESSION = {
  status: "queued",
  agent_name: null,
  queue_position: 1,
  agent_read_seq: 0,
  expires_at: "2026-01-05T09:30:00Z",
};

const settled = async () => {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
};

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 0.5);
  globalThis.window = new EventTarget();
  globalThis.document = Object.assign(new EventTarget(), { visibilityState: "visible", title: "Shop" });
  globalThis.location = { href: "https://shop.test/" };
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
  for (const name of ["window", "document", "location"]) delete globalThis[name];
});

/** A talk whose socket does not come, and what stands in for it; the test plays the server by `answers`. */
async function standingIn(answers = {}, { phase = "live" } = {}) {
  const socket = Object.assign(new EventTarget(), { send: () => false, open() {}, close() {} });
  const store = new MessageStore();
  const talk = new Talk({
    session: SHOWN,
    store,
    page: {},
    settings: { log() {}, heartbeatInterval: () => 30_000 },
    makeConnection: () => socket,
  });
  const chat = Object.assign(new EventTarget(), { shown: SHOWN, store, talk, phase, isOpen: true });
  const frames = [];
  talk.addEventListener("frame", ({ detail }) => frames.push(detail));
  const calls = [];
  const api = {
    async call(path, { body } = {}) {
      calls.push([path, body]);
      const name = path.split("/")[0];
      const answer = { poll: () => ({}), ...answers }[name](body, path);
      if (name !== "poll") return answer;
      const { session, ...rest } = answer;
      return { messages: [], last_seq: 0, expiring_at: null, ...rest, session: { ...SESSION, ...session } };
    },
  };
  const gone = new AbortController();
  const become = (state) => socket.dispatchEvent(new CustomEvent("state", { detail: { state } }));
  become("waiting");
  create({ api, chat, FRAME, Timers, cleanText, signal: gone.signal }, talk);
  await settled();
  const polls = () => calls.filter(([path]) => path === "poll").map(([, body]) => body);
  const pass = async (ms) => {
    mock.timers.tick(ms);
    await settled();
  };
  const types = () => frames.map(({ type }) => type);
  return { talk, chat, store, answers, frames, types, polls, calls, become, gone, pass };
}

test("the first request says hello, those after it say where the chat stands", async () => {
  const { talk, polls, types, pass } = await standingIn({}, { phase: "restoring" });
  assert.deepEqual(polls()[0].hello, { restored: true, page: { url: "https://shop.test/", title: "Shop" } });
  assert.deepEqual([types(), talk.link], [[FRAME.ready], "ready"]);
  await pass(2000 * 1.3);
  assert.deepEqual([polls().length, polls()[1].hello], [2, null]);
});

test("it asks less and less often while nothing happens, and soon again when something does", async () => {
  const env = await standingIn();
  for (let i = 0; i < 20; i += 1) await env.pass(8000);
  const before = env.polls().length;
  await env.pass(7999);
  assert.equal(env.polls().length, before);
  env.answers.poll = () => ({ messages: [message(1)], last_seq: 1 });
  await env.pass(1);
  await env.pass(2000);
  assert.equal(env.polls().length, before + 2);
  assert.equal(env.polls().at(-1).after_seq, 1);
});

test("what has changed comes as the frames that a socket would have brought", async () => {
  const env = await standingIn();
  env.answers.poll = () => ({
    messages: [message(1), message(2)],
    last_seq: 2,
    session: { status: "active", agent_name: "Alice", queue_position: null, agent_read_seq: 1 },
  });
  await env.pass(2600);
  assert.deepEqual(env.types().slice(1), [FRAME.message, FRAME.message, FRAME.assigned, FRAME.read]);
  assert.deepEqual([env.talk.facts.agent_name, env.store.lastSeq, env.store.readSeq], ["Alice", 2, 1]);
  env.answers.poll = () => ({ session: { queue_position: 3 } });
  await env.pass(2600);
  assert.deepEqual(env.types().slice(5), [FRAME.unassigned, FRAME.queue, FRAME.read]);
  assert.deepEqual([env.talk.facts.agent_name, env.talk.facts.queue_position], [null, 3]);
});

test("texts are sent one after the other, and a lost answer is asked for again under the same id", async () => {
  let tries = 0;
  const env = await standingIn({
    message: ({ client_message_id, message: body }) => {
      tries += 1;
      if (tries === 1) throw new ApiError("network");
      return message(tries - 1, { sender_type: "visitor", client_message_id, body });
    },
  });
  env.store.queue("one");
  env.store.queue("two");
  env.talk.pump();
  await settled();
  assert.equal(env.talk.link, "waiting");
  await env.pass(2600);
  await settled();
  const sent = env.calls.filter(([path]) => path === "message").map(([, body]) => body);
  assert.deepEqual(
    sent.map(({ message }) => message),
    ["one", "one", "two"],
  );
  assert.equal(sent[0].client_message_id, sent[1].client_message_id);
  assert.deepEqual([env.store.messages.map(({ body }) => body), env.store.outbox], [["one", "two"], []]);
});

test("a text that the server refuses has failed, the next one has its turn", async () => {
  const env = await standingIn({
    message: ({ client_message_id, message: body }) => {
      if (body === "bad") throw new ApiError("invalid", 400, "Bad.");
      return message(1, { sender_type: "visitor", client_message_id, body });
    },
  });
  env.store.queue("bad");
  env.store.queue("good");
  env.talk.pump();
  await settled();
  assert.deepEqual(
    env.store.outbox.map(({ body, state, error }) => [body, state, error.message]),
    [["bad", "failed", "Bad."]],
  );
  assert.equal(env.store.messages[0].body, "good");
});

test("a server that does not answer is asked with exponential backoff", async () => {
  const env = await standingIn();
  env.answers.poll = () => {
    throw new ApiError("network");
  };
  const waits = [];
  for (let i = 0; i < 8; i += 1) {
    const before = env.polls().length;
    let waited = 0;
    while (env.polls().length === before) {
      await env.pass(250);
      waited += 250;
    }
    waits.push(waited);
  }
  assert.deepEqual(waits.slice(1), [2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000], "times a random half");
  assert.equal(env.talk.link, "waiting");
});

test("a socket that is ready takes over for good", async () => {
  const env = await standingIn();
  env.become("connecting");
  assert.equal(env.talk.link, "ready");
  env.become("ready");
  const before = env.polls().length;
  await env.pass(60_000);
  assert.equal(env.polls().length, before);
});

test("the end and its reason arrive after the last messages", async () => {
  const env = await standingIn();
  const over = [];
  env.talk.addEventListener("over", ({ detail }) => over.push(detail));
  env.answers.poll = () => ({
    messages: [message(1)],
    last_seq: 1,
    session: { status: "ended", reason: "agent", ended_by: "agent", expires_at: null },
  });
  await env.pass(2600);
  assert.deepEqual(over, [
    { outcome: "ended", told: { status: "ended", reason: "agent", ended_by: "agent", text: undefined } },
  ]);
  assert.equal(env.store.lastSeq, 1);
});

test("an abandonment arrives with the tenant's own words, if there are any", async () => {
  const told = async (text) => {
    const env = await standingIn();
    env.answers.poll = () => ({ session: { status: "abandoned", reason: "idle", ended_by: "system" }, ...text });
    await env.pass(2600);
    return env.frames.find(({ type }) => type === FRAME.ended).payload;
  };
  const plain = { status: "abandoned", reason: "idle", ended_by: "system" };
  assert.deepEqual(await told({ text: "Write to us" }), { ...plain, text: "Write to us" });
  assert.deepEqual(await told({}), { ...plain, text: undefined });
});

test("an idle chat is warned of, and told when that is put off", async () => {
  const env = await standingIn();
  const warnings = () =>
    env.frames.filter(({ type }) => type === "chat.session.expiring").map(({ payload }) => payload.at);
  env.answers.poll = () => ({ expiring_at: SESSION.expires_at });
  await env.pass(2600);
  assert.deepEqual(warnings(), [SESSION.expires_at]);
  env.talk.send("chat.still_here", {});
  env.answers.poll = () => ({ session: { expires_at: "2026-01-05T10:00:00Z" } });
  await settled();
  await env.pass(4000);
  assert.equal(env.polls().filter(({ active }) => active).length, 1);
  assert.equal(warnings().at(-1), "2026-01-05T10:00:00Z");
});

test("with the widget it goes", async () => {
  const env = await standingIn();
  env.gone.abort();
  const before = env.polls().length;
  await env.pass(60_000);
  assert.equal(env.polls().length, before);
});
