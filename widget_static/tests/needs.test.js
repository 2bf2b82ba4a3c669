import assert from "node:assert/strict";
import { test } from "node:test";
import { followNeeds } from "../src/parts/talking/needs.js";
import { FRAME, MAX_TEXT } from "../src/protocol.js";

const settled = async () => {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
};

/** What the part for talking sees; `asked` are the parts that were asked for, `made` those that were made. */
function makeCore() {
  const asked = [];
  const made = [];
  const env = { asked, made, isAway: false };
  const chat = new EventTarget();
  Object.assign(chat, { link: "ready", phase: "live", trouble: null, unread: 0, store: { messages: [], outbox: [] } });
  const textBox = Object.assign(new EventTarget(), { value: "" });
  const changed = () => chat.dispatchEvent(new Event("change"));
  async function loadPart(name) {
    asked.push(name);
    if (env.isAway) throw new TypeError("Failed to fetch");
    return { create: () => made.push(name) && { name } };
  }
  const core = {
    chat,
    textBox,
    loadPart,
    changed,
    FRAME,
    MAX_TEXT,
    settings: { config: {} },
    signal: new AbortController().signal,
    wantsRating: () => false,
  };
  followNeeds(core);
  env.tell = async (change = {}) => {
    Object.assign(chat, change);
    changed();
    await settled();
  };
  return Object.assign(env, { core, chat, textBox });
}

test("a part is loaded when it is needed, once, and not before", async () => {
  const { asked, made, tell, core } = makeCore();
  await tell();
  assert.deepEqual(asked, []);
  await tell({ unread: 1 });
  await tell({ unread: 2 });
  assert.deepEqual([asked, made], [["unread"], ["unread"]]);
  assert.deepEqual(await core.use("unread"), { name: "unread" });
  assert.deepEqual(made, ["unread"]);
});

test("one that does not come is asked for again with the need's or the connection's next change", async () => {
  const env = makeCore();
  env.isAway = true;
  await env.tell({ trouble: "nobody" });
  await env.tell();
  assert.deepEqual(env.asked, ["offline"], "not with whatever happens");
  await env.tell({ trouble: null });
  await env.tell({ trouble: "nobody" });
  assert.equal(env.asked.length, 2);
  await env.tell({ link: "waiting" });
  env.isAway = false;
  await env.tell({ link: "ready" });
  assert.deepEqual([env.asked.length, env.made], [4, ["offline"]]);
});

test("what each of them is needed for", async () => {
  const needs = {
    expiry: ({ chat }) =>
      chat.dispatchEvent(new CustomEvent("frame", { detail: { type: FRAME.expiring, payload: { at: "2026" } } })),
    files: ({ chat }) => chat.store.messages.push({ attachment: {} }),
    links: ({ core }) => core.seeText("write to vera@shop.example"),
    prechat: ({ core }) => (core.settings.config = { prechat: "optional" }),
    rating: ({ core }) => (core.wantsRating = () => true),
    unsent: ({ chat }) => chat.store.outbox.push({ state: "failed" }),
  };
  for (const [name, need] of Object.entries(needs)) {
    const env = makeCore();
    env.core.seeText("plain");
    await env.tell();
    need(env);
    await env.tell();
    assert.deepEqual(env.asked, [name]);
  }
});

test("a warning that somebody's message has put off needs nothing", async () => {
  const { asked, chat, tell } = makeCore();
  const say = (name, detail) => chat.dispatchEvent(new CustomEvent(name, { detail }));
  say("frame", { type: FRAME.expiring, payload: { at: "2026" } });
  say("message", { sender_type: "agent" });
  await tell();
  assert.deepEqual(asked, []);
});

test("two who use a part while it is loaded use the same", async () => {
  const { core, made } = makeCore();
  const [first, second] = await Promise.all([core.use("emoji"), core.use("emoji")]);
  assert.equal(first, second);
  assert.deepEqual(made, ["emoji"]);
});
