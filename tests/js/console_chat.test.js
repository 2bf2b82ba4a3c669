import assert from "node:assert/strict";
import { test } from "node:test";

import { browserName } from "../../agents_app/static/agents_app/browser_name.js";
import {
  askedFor,
  fillIn,
  findReplies,
  firstGap,
  placeholderValues,
} from "../../agents_app/static/agents_app/canned.js";
import {
  busyText,
  languageName,
  localTime,
  outcomeText,
  asideText,
} from "../../agents_app/static/agents_app/format.js";
import { Rows } from "../../agents_app/static/agents_app/groups.js";
import { Notes } from "../../agents_app/static/agents_app/notes.js";
import { rowLine } from "../../agents_app/static/agents_app/rows.js";
import { ConsoleState } from "../../agents_app/static/agents_app/state.js";
import { TagChanges, withTag } from "../../agents_app/static/agents_app/tags.js";
import { fileProblem, Uploads } from "../../agents_app/static/agents_app/uploads.js";
import { Unseen } from "../../agents_app/static/agents_app/unseen.js";
import { MessageStore } from "../../widget_static/src/store.js";

// Canned replies

test("a slash asks for a canned reply at the start or after a space, and nowhere else", () => {
  assert.deepEqual(askedFor("/", 1), { query: "", start: 0 });
  assert.deepEqual(askedFor("/hel", 4), { query: "hel", start: 0 });
  assert.deepEqual(askedFor("Dear Vera,\n/bye", 15), { query: "bye", start: 11 });
  assert.deepEqual(askedFor("a /b c", 4), { query: "b", start: 2 }, "what follows the caret is another text");
  for (const text of ["and/or", "https://shop.example/cart", "/hello there", "", "//"]) {
    assert.equal(askedFor(text, text.length), null, text);
  }
});

const REPLIES = [
  { shortcut: "return", text: "You may send it back for 30 days." },
  { shortcut: "hello", text: "Hello {{visitor.name}}!" },
  { shortcut: "no-return", text: "This cannot be sent back." },
];

test("replies are found by shortcut first, then by their words", () => {
  const found = (query) => findReplies(REPLIES, query).map(({ shortcut }) => shortcut);
  assert.deepEqual(found(""), ["hello", "no-return", "return"]);
  assert.deepEqual(found("RET"), ["return", "no-return"]);
  assert.deepEqual(found("days"), ["return"]);
  assert.deepEqual(found("nothing"), []);
});

test("a placeholder that nobody can fill in stays to be seen", () => {
  const values = placeholderValues({ customer_name: " Vera ", customer_email: "" }, { name: "Alice" });
  const text = "Hi {{visitor.name}}, {{ agent.name }} here. {{visitor.email}} {{toString}} {{what}}";
  const filled = fillIn(text, values);
  assert.equal(filled, "Hi Vera, Alice here. {{visitor.email}} {{toString}} {{what}}");
  assert.deepEqual(firstGap(filled), { start: 21, end: 38, text: "{{visitor.email}}" });
  assert.equal(firstGap(filled, 22).text, "{{toString}}");
  assert.equal(firstGap("Hi Vera"), null);
});

test("a visitor whose name looks like a placeholder is called by it", () => {
  const values = placeholderValues({ customer_name: "{{agent.name}}$&" }, { name: "Alice" });
  assert.equal(fillIn("Hi {{visitor.name}}", values), "Hi {{agent.name}}$&");
});

// Files

const RULES = { max_bytes: 10_000_000, endings: [".png", ".pdf"] };
const file = (name, size = 5, type = "") => ({ name, size, type });

test("a file that the server would refuse is told in a sentence", () => {
  assert.equal(fileProblem(file("a.PNG"), RULES), null);
  assert.equal(fileProblem(file("", 5, "image/png"), RULES), null, "a pasted picture has no name");
  assert.match(fileProblem(file("film.png", 20_000_000), RULES), /20\.0 MB; at most 10\.0 MB/);
  assert.match(fileProblem(file("setup.exe"), RULES), /only \.png \.pdf/);
  assert.match(fileProblem(file("empty.pdf", 0), RULES), /empty/);
  assert.match(fileProblem(file("a.png"), null), /cannot be sent here/);
});

function uploadsOf(answers) {
  const started = [];
  const sent = [];
  let number = 0;
  const uploads = new Uploads({
    rules: RULES,
    uuid: () => `u${(number += 1)}`,
    onChange() {},
    onSent: (id, message) => sent.push([id, message]),
    start(entry) {
      started.push(entry.id);
      let abort;
      const aborted = new Promise((_, reject) => (abort = () => reject(new Error("aborted"))));
      return { done: Promise.race([answers[started.length - 1](), aborted]), abort };
    },
  });
  return { uploads, started, sent };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));
const refuse = (code) => () => Promise.reject(Object.assign(new Error(`It is ${code}.`), { code }));

test("files go one after the other, each under the id it has for ever", async () => {
  let finish;
  const first = () => new Promise((resolve) => (finish = resolve));
  const { uploads, started, sent } = uploadsOf([first, refuse("network"), () => Promise.resolve("second")]);
  uploads.add("a", [file("1.png"), file("2.png")]);
  await settled();
  assert.deepEqual(started, ["u1"]);
  finish("first");
  await settled();
  assert.deepEqual(started, ["u1", "u2"]);
  const [lost] = uploads.of("a");
  assert.deepEqual([lost.state, lost.problem, lost.isFinal], ["failed", "It is network.", false]);
  assert.equal(uploads.unsent.length, 1);
  uploads.retryLost();
  await settled();
  assert.deepEqual(started, ["u1", "u2", "u2"]);
  assert.deepEqual(sent, [
    ["a", "first"],
    ["a", "second"],
  ]);
  assert.deepEqual(uploads.of("a"), []);
});

test("what can never be sent is not tried again, and does not stop the next", async () => {
  const { uploads, started, sent } = uploadsOf([refuse("session_over"), () => Promise.resolve("second")]);
  uploads.add("a", [file("huge.png", 20_000_000), file("1.png"), file("2.png")]);
  await settled();
  await settled();
  assert.deepEqual(started, ["u2", "u3"]);
  assert.equal(sent.length, 1);
  for (const { id } of uploads.of("a")) uploads.retry(id);
  await settled();
  assert.equal(started.length, 2);
  for (const { id } of uploads.of("a")) uploads.remove(id);
  assert.deepEqual(uploads.of("a"), []);
});

test("a file that is taken away while it goes is not sent any further", async () => {
  const { uploads, started } = uploadsOf([() => new Promise(() => {}), () => Promise.resolve("second")]);
  uploads.add("a", [file("1.png"), file("2.png")]);
  uploads.remove("u1");
  await settled();
  await settled();
  assert.deepEqual(started, ["u1", "u2"]);
  assert.deepEqual(uploads.of("a"), []);
});

// Notes

function notesWith(answers) {
  const state = new ConsoleState({ MessageStore, unseenNotes: new Unseen(), arrivals: new Unseen() });
  const calls = [];
  const api = {
    addNote(id, entry) {
      calls.push(entry.client_message_id);
      return answers.shift()(id, entry);
    },
  };
  return { state, calls, notes: new Notes(state, { api, onChange() {} }) };
}
const stored = (session_id, { client_message_id, body }) =>
  Promise.resolve({
    session_id,
    client_message_id,
    body,
    author_name: "Alice",
    after_seq: 0,
    created_at: "",
  });

test("notes go one after the other, and a lost one goes again under its id when the server is back", async () => {
  const { state, calls, notes } = notesWith([refuse("network"), stored, stored]);
  notes.add("a", "first", "n1");
  notes.add("a", "second", "n2");
  await settled();
  await settled();
  assert.deepEqual(calls, ["n1", "n2"]);
  assert.deepEqual(
    state.noteOutboxes.a.map((one) => [one.client_message_id, one.error.code]),
    [["n1", "network"]],
  );
  await notes.send({ isReconnected: true });
  assert.deepEqual(calls, ["n1", "n2", "n1"]);
  assert.deepEqual(state.noteOutboxes, {});
});

test("a note that the server will never take waits for the agent", async () => {
  const { state, calls, notes } = notesWith([refuse("invalid"), stored]);
  notes.add("a", "first", "n1");
  await settled();
  await notes.send({ isReconnected: true });
  assert.deepEqual(calls, ["n1"]);
  notes.retry("a", "n1");
  await settled();
  assert.deepEqual(state.noteOutboxes, {});
});

// Tags

test("a tag is trimmed, stands once, and the limits are told", () => {
  assert.deepEqual(withTag(["vip"], "  big   order "), { tags: ["vip", "big order"] });
  assert.deepEqual(withTag(["vip"], "VIP"), { tags: ["vip"] });
  assert.deepEqual(withTag(["vip"], "  "), { tags: ["vip"] });
  assert.match(withTag([], "x".repeat(41)).problem, /40 characters/);
  const full = Array.from({ length: 20 }, (_, index) => `t${index}`);
  assert.match(withTag(full, "one more").problem, /20 tags/);
});

/** Tag changes whose answers are given by hand, on a chat that others tag, too. */
function tagging() {
  const tags = { a: [], b: [] };
  const asked = [];
  const done = [];
  const changes = new TagChanges({
    load: (id) => tags[id],
    save: (id, wanted) =>
      new Promise((resolve, reject) => {
        const answer = () => resolve((tags[id] = wanted));
        asked.push({ wanted, answer, refuse: () => reject(new Error("No network.")) });
      }),
    onDone: ({ name }, error) => done.push([name, error?.message ?? "saved"]),
  });
  return { changes, tags, asked, done };
}
const adding = (id, name) => ({ id, name, isAdding: true });

test("tags are saved one after the other, each on what the chat has by then", async () => {
  const { changes, tags, asked, done } = tagging();
  changes.add(adding("a", "billing"));
  changes.add(adding("a", "vip"));
  changes.add(adding("b", "other chat"));
  await settled();
  assert.deepEqual([asked.length, changes.applied("a", tags.a)], [1, ["billing", "vip"]]);
  asked[0].answer();
  tags.a.push("a colleague's");
  await settled();
  changes.add({ id: "a", name: "billing", isAdding: false });
  assert.deepEqual(changes.applied("a", tags.a), ["a colleague's", "vip"]);
  for (const index of [1, 2, 3]) {
    asked[index].answer();
    await settled();
  }
  assert.deepEqual(asked[1].wanted, ["billing", "a colleague's", "vip"]);
  assert.deepEqual(tags, { a: ["a colleague's", "vip"], b: ["other chat"] });
  assert.equal(done.length, 4);
});

test("a tag that could not be saved is told, and does not stop the next", async () => {
  const { changes, tags, asked, done } = tagging();
  changes.add(adding("a", "billing"));
  changes.add(adding("a", "vip"));
  await settled();
  asked[0].refuse();
  await settled();
  asked[1].answer();
  await settled();
  assert.deepEqual(done, [
    ["billing", "No network."],
    ["vip", "saved"],
  ]);
  assert.deepEqual(tags.a, ["vip"]);
});

// The transcript

test("what one sender writes within five minutes is a group, with its name above and its time below", () => {
  const rows = new Rows();
  const add = (seconds, sender_name, pending) => {
    const at = new Date(Date.parse("2026-03-02T12:00:00Z") + seconds * 1000).toISOString();
    const message = { sender_type: "visitor", sender_name, created_at: at, pending };
    rows.add("message", `at ${seconds}`, at, { message });
  };
  for (const seconds of [0, 100, 200, 299, 301]) add(seconds, "Vera");
  rows.add("note", "note", "2026-03-02T12:05:02Z", { note: {} });
  add(303, "Vera");
  add(304, "Walter");
  add(305, "Walter", "sending");
  const shown = rows.items.filter(({ message }) => message);
  const where = (test) => shown.filter(test).map(({ key }) => Number(key.slice(3)));
  assert.deepEqual(
    where(({ isFirst }) => isFirst),
    [0, 301, 303, 304],
  );
  assert.deepEqual(
    where(({ isFollowed }) => !isFollowed),
    [299, 301, 303, 304, 305],
    "what is on its way takes no time away",
  );
});

// Rows

test("a row says first what did not arrive, then who types, then my draft, then what was said last", () => {
  const draftOf = { reply: "Dear Vera", note: "" };
  const drafts = { get: (_, kind = "reply") => draftOf[kind] };
  const state = { openId: null, unsent: () => "failed", isTyping: () => true };
  const session = { session_id: "a", status: "active", last_text: { sender_type: "visitor", body: "Hello" } };
  const line = () => rowLine(session, { state, drafts }).text;
  assert.equal(line(), "Not sent");
  state.unsent = () => "sending";
  assert.equal(line(), "Sending…", "it goes by itself when the connection is back");
  state.unsent = () => "";
  assert.equal(line(), "is typing…");
  state.isTyping = () => false;
  assert.equal(line(), "Draft: Dear Vera");
  Object.assign(draftOf, { reply: "", note: "She is angry" });
  assert.equal(line(), "Draft: She is angry");
  state.openId = "a";
  assert.equal(line(), "Hello", "the draft stands in the composer");
});

// The visitor in words

const AGENTS = {
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0":
    "Firefox 128 on Windows",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":
    "Edge 126 on Windows",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":
    "Chrome 126 on Linux",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":
    "Safari 17 on macOS",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":
    "Safari 17 on iPhone",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1":
    "Chrome 126 on iPhone",
  "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36":
    "Samsung Internet 25 on Android 14",
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36 OPR/83.0.0.0":
    "Opera 83 on Android 14",
  "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":
    "Chrome 126 on ChromeOS",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36":
    "Chrome (headless) 126 on Linux",
  "curl/8.5.0": "curl/8.5.0",
  " NetSurf/3.11 <b>": "NetSurf/3.11 <b>",
};
for (const [userAgent, name] of Object.entries(AGENTS)) {
  test(`${name} is told from its user agent`, () => assert.equal(browserName(userAgent), name));
}

test("a language has its name, nonsense stays as it is", () => {
  assert.equal(languageName("de-AT"), "Austrian German (de-AT)");
  assert.equal(languageName("xx-nonsense-!"), "xx-nonsense-!");
  assert.equal(languageName(""), "");
});

test("the clock at the visitor's place is told, of a zone that is none nothing is", () => {
  const noon = Date.parse("2026-03-02T12:00:00Z");
  assert.equal(localTime("America/New_York", noon, "en-GB"), "07:00, America/New York");
  assert.match(localTime("America/New_York", noon, "en-US"), /^7:00\sAM, /);
  assert.equal(localTime("Mars/Olympus", noon, "en-GB"), "");
  assert.equal(localTime("", noon, "en-GB"), "");
});

test("going, coming and being busy are told in words", () => {
  assert.equal(asideText({ kind: "left" }), "The visitor left");
  const back = { kind: "back", at: "2026-03-02T12:02:10Z", gone_since: "2026-03-02T12:00:00Z" };
  assert.equal(asideText(back), "The visitor came back after 2 minutes");
  const hold = { agent_name: "Bob", at: "2026-03-02T12:00:00Z", held_until: "2026-03-02T13:00:00Z" };
  assert.equal(asideText({ kind: "held", ...hold }), "Bob held the chat open for 1 h");
  assert.equal(asideText({ kind: "let_go", ...hold, held_until: null }), "Bob let the chat go again");
  assert.equal(asideText({ kind: "newer than this page" }), "");
  assert.equal(busyText({ state: "online", load: 1, capacity: null }), "Online, 1 chat");
  assert.equal(busyText({ state: "away", load: 3, capacity: 5 }), "Away, 3 of 5 chats");
  assert.equal(outcomeText("expired"), "Not taken up again: too long ago");
  assert.equal(outcomeText(""), "");
});
