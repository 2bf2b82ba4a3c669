import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { initials } from "../src/parts/talking/avatar.js";
import { countdown } from "../src/parts/talking/expiry.js";
import { showTyping, tellTyping } from "../src/parts/talking/typing.js";
import { FRAME } from "../src/protocol.js";
import { Timers } from "../src/timers.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** What a part sees of the widget; `told` are the typing frames that were sent. */
function makeCore() {
  const told = [];
  const chat = new EventTarget();
  chat.link = "ready";
  chat.talk = { send: (type, { is_typing }) => told.push(is_typing) };
  const textBox = new EventTarget();
  const rows = [];
  const transcript = { node: { append: (row) => rows.push(row) }, change: (action) => action() };
  const element = (tag, attributes = {}) => ({ ...attributes, replaceChildren() {} });
  const icon = () => ({});
  const type = (text) => {
    textBox.value = text;
    textBox.dispatchEvent(new Event("input"));
  };
  return { core: { chat, textBox, transcript, element, icon, Timers, FRAME }, told, type, rows };
}

test("typing is told at most every 3 s, and its end once", () => {
  const { core, told, type } = makeCore();
  tellTyping(core);
  type("h");
  type("he");
  assert.deepEqual(told, [true]);
  mock.timers.tick(3000);
  type("hel");
  assert.deepEqual(told, [true, true]);
  mock.timers.tick(5000);
  type("");
  assert.deepEqual(told, [true, true, false]);
});

test("a text that was sent says by its arrival that the writing is over", () => {
  const { core, told, type } = makeCore();
  tellTyping(core);
  type("hello");
  core.chat.dispatchEvent(new Event("send"));
  type("");
  assert.deepEqual(told, [true]);
});

test("the agent's dots go away with the message, without a connection, and by themselves", () => {
  const { core, rows } = makeCore();
  showTyping(core);
  const [row] = rows;
  const say = (name, detail) => core.chat.dispatchEvent(new CustomEvent(name, { detail }));
  const typing = (sender_type, is_typing = true) =>
    say("frame", { type: FRAME.typing, payload: { sender_type, is_typing } });
  const isShownAfter = (event) => {
    typing("agent");
    assert.equal(row.hidden, false);
    event();
    return !row.hidden;
  };
  typing("visitor");
  assert.equal(row.hidden, true, "not for the visitor's other tab");
  assert.equal(
    isShownAfter(() => say("message", { sender_type: "agent" })),
    false,
  );
  assert.equal(
    isShownAfter(() => say("message", { sender_type: "system" })),
    true,
  );
  assert.equal(
    isShownAfter(() => typing("agent", false)),
    false,
  );
  assert.equal(
    isShownAfter(() => mock.timers.tick(6000)),
    false,
  );
  assert.equal(
    isShownAfter(() => {
      core.chat.link = "waiting";
      core.chat.dispatchEvent(new Event("change"));
    }),
    false,
  );
});

test("an agent's picture has the first letters of the first and the last word", () => {
  assert.equal(initials("alice"), "A");
  assert.equal(initials(" Alice  van der Berg "), "AB");
  assert.equal(initials("émile zola"), "ÉZ");
  assert.equal(initials("🦊 fox"), "🦊F");
  assert.equal(initials("شركة"), "ش");
});

test("a countdown shows the second that has begun, and never less than nothing", () => {
  assert.equal(countdown(120_000), "2:00");
  assert.equal(countdown(64_001), "1:05");
  assert.equal(countdown(999), "0:01");
  assert.equal(countdown(-5000), "0:00");
});
