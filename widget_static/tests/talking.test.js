import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { countdown, spoken, warnOfExpiry } from "../src/parts/expiry/countdown.js";
import { initials } from "../src/parts/talking/avatar.js";
import { showTyping, tellTyping } from "../src/parts/talking/typing.js";
import { cleanText, FRAME, MAX_TEXT } from "../src/protocol.js";
import { Timers } from "../src/timers.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** What a part sees of the widget; `told` are the typing frames that were sent, `texts` what they say. */
function makeCore(config = {}) {
  const told = [];
  const texts = [];
  const settings = { config };
  const chat = new EventTarget();
  chat.link = "ready";
  chat.talk = { send: (type, { is_typing, text }) => told.push(is_typing) && texts.push(text) };
  const textBox = new EventTarget();
  const rows = [];
  const transcript = { node: { append: (row) => rows.push(row) }, change: (action) => action() };
  const element = (tag, attributes = {}) => ({ ...attributes, replaceChildren() {} });
  const icon = () => ({});
  const type = (text) => {
    textBox.value = text;
    textBox.dispatchEvent(new Event("input"));
  };
  const core = { settings, chat, textBox, transcript, element, icon, Timers, FRAME, MAX_TEXT, cleanText };
  return { core, told, texts, type, rows };
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

test("typing tells no text unless the tenant wants a preview", () => {
  const { core, texts, type } = makeCore({ typing_preview: false });
  tellTyping(core);
  type("hello");
  assert.deepEqual(texts, [undefined]);
});

test("a preview has the text so far, each second, and the last of it without another key", () => {
  const { core, told, texts, type } = makeCore({ typing_preview: true });
  tellTyping(core);
  type("h");
  type("he");
  type("hel\u0000lo ");
  assert.deepEqual(texts, ["h"]);
  mock.timers.tick(1000);
  assert.deepEqual(texts, ["h", "hello"]);
  mock.timers.tick(1000);
  assert.deepEqual(texts, ["h", "hello"], "nothing new, nothing told");
  mock.timers.tick(3000);
  assert.deepEqual([told, texts], [
    [true, true, false],
    ["h", "hello", undefined],
  ]);
});

test("a preview is as long as a message may be, in whole characters", () => {
  const { core, texts, type } = makeCore({ typing_preview: true });
  tellTyping(core);
  type("🦜".repeat(MAX_TEXT + 1));
  assert.equal(texts[0], "🦜".repeat(MAX_TEXT));
});

test("after a text was sent nothing of it is told any more", () => {
  const { core, told, type } = makeCore({ typing_preview: true });
  tellTyping(core);
  type("hello");
  core.textBox.value = "";
  core.chat.dispatchEvent(new Event("send"));
  mock.timers.tick(10_000);
  assert.deepEqual(told, [true]);
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

test("the same is said to those who listen, in whole units of their language", () => {
  const said = (ms, ...locales) => locales.map((locale) => spoken(ms, locale).replace(/\s/g, " "));
  assert.deepEqual(said(120_000, "en", "de", "es"), ["2 minutes", "2 Minuten", "2 minutos"]);
  assert.deepEqual(said(119_999, "en"), ["2 minutes"]);
  assert.deepEqual(said(60_001, "en", "de"), ["1 minute, 1 second", "1 Minute, 1 Sekunde"]);
  assert.deepEqual(said(30_000, "en", "ja"), ["30 seconds", "30 秒"]);
  assert.deepEqual(said(-1, "en"), ["0 seconds"]);
});

/** The warning of a chat; `tell(seconds)`: the server says that it is closed so many seconds from now. */
function makeWarning(config) {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const spokenTexts = [];
  const element = (tag, attributes = {}, ...children) => {
    const node = { ...attributes, children, before() {}, prepend() {}, contains: () => false };
    return { ...node, getRootNode: () => ({ activeElement: null }) };
  };
  const made = [];
  const { core } = makeCore(config);
  const { chat, settings } = core;
  const seen = {};
  Object.assign(chat, { phase: "live", skew: 0, isOpen: true });
  warnOfExpiry({
    ...core,
    seen,
    element: (...given) => made[made.push(element(...given)) - 1],
    panel: { parentNode: { querySelector: () => element("div") } },
    composer: element("div"),
    texts: { locale: "en", get: (name, { time } = {}) => `${name} ${time}` },
    announce: (text) => spokenTexts.push(text),
  });
  const bar = made.find((node) => node.class === "expiring");
  const tell = (seconds) => {
    seen.expiresAt = new Date(Date.now() + seconds * 1000).toISOString();
    const detail = { type: "chat.session.expiring" };
    chat.dispatchEvent(new CustomEvent("frame", { detail }));
  };
  const shown = () => (bar.hidden ? null : bar.children[0].textContent);
  const configure = (config) => {
    settings.config = config;
    chat.dispatchEvent(new Event("change"));
  };
  return { tell, configure, shown, spokenTexts };
}

test("a chat counts down as long as its tenant says, and tells those who listen how long that is", () => {
  const policy = { expiry_warning_ms: 600_000, session_expiry_ms: 1_800_000 };
  const { tell, shown, spokenTexts } = makeWarning({ policy });
  tell(645);
  assert.equal(shown(), null, "the server says it somewhat early");
  mock.timers.tick(45_000);
  assert.equal(shown(), "expiring 10:00");
  mock.timers.tick(1000);
  assert.equal(shown(), "expiring 9:59");
  assert.deepEqual(spokenTexts, ["expiring 10 minutes"], "once");
  tell(1800);
  assert.equal(shown(), null, "put off");
});

test("a short warning is a short one, and none is longer than half of a chat's time", () => {
  const short = makeWarning({ policy: { expiry_warning_ms: 30_000, session_expiry_ms: 1_800_000 } });
  short.tell(75);
  mock.timers.tick(44_999);
  assert.equal(short.shown(), null);
  mock.timers.tick(1);
  assert.deepEqual([short.shown(), short.spokenTexts], ["expiring 0:30", ["expiring 30 seconds"]]);

  const long = makeWarning({ policy: { expiry_warning_ms: 299_000, session_expiry_ms: 300_000 } });
  long.tell(290);
  mock.timers.tick(139_000);
  assert.equal(long.shown(), null);
  mock.timers.tick(1000);
  assert.equal(long.shown(), "expiring 2:30");
});

test("until the tenant's time is known it is two minutes, and what is known later counts at once", () => {
  const policy = { expiry_warning_ms: 600_000, session_expiry_ms: 1_800_000 };
  const { tell, configure, shown } = makeWarning({});
  tell(300);
  assert.equal(shown(), null);
  configure({ policy });
  assert.equal(shown(), "expiring 5:00");
});
