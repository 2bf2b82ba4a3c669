import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Unseen } from "../../agents_app/static/agents_app/unseen.js";

const at = (second) => `2026-03-02T12:00:${String(second).padStart(2, "0")}.000001Z`;
const KEY = "chat-center:7:notes";
let stored;
const storage = () => ({
  getItem: (key) => stored[key] ?? null,
  setItem: (key, text) => (stored[key] = text),
});
const open = (agentId = 7) => new Unseen(storage, agentId, "notes");

beforeEach(() => (stored = {}));

test("a note that was heard of is unseen until the chat is open, also for the page after this one", () => {
  const notes = open();
  assert.equal(notes.has("a"), false);
  notes.heard("a", at(1));
  assert.equal(notes.has("a"), true);
  assert.equal(open().has("a"), true);
  assert.equal(open(8).has("a"), false, "a colleague at the same machine");
  notes.saw("a");
  assert.equal(notes.has("a"), false);
  assert.equal(open().has("a"), false);
  notes.heard("a", at(2));
  assert.equal(notes.has("a"), true);
});

test("tabs add to what the others have written, and what one has seen the other has not to show", () => {
  const [one, other] = [open(), open()];
  one.heard("a", at(1));
  other.heard("b", at(1));
  assert.deepEqual(Object.keys(JSON.parse(stored[KEY])).sort(), ["a", "b"]);
  other.saw("a", at(1));
  one.read();
  assert.equal(one.has("a"), false);
  // The same news comes to all tabs, and late to some.
  one.heard("a", at(1));
  assert.equal(one.has("a"), false);
});

test("notes of one millisecond are told apart, in whichever form the server writes them", () => {
  const notes = open();
  notes.saw("a", "2026-03-02T12:00:00.123456Z");
  notes.heard("a", "2026-03-02T12:00:00.123457Z");
  assert.equal(notes.has("a"), true);
  notes.saw("b", "2026-03-02T12:00:00Z");
  notes.heard("b", "2026-03-02T12:00:00.500000Z");
  assert.equal(notes.has("b"), true);
});

test("the newest hundred chats are kept", () => {
  const notes = open();
  for (let minute = 0; minute < 150; minute += 1) {
    notes.heard(`chat ${minute}`, new Date(Date.parse(at(0)) + minute * 60_000).toISOString());
  }
  const kept = Object.keys(JSON.parse(stored[KEY]));
  assert.equal(kept.length, 100);
  assert.ok(kept.includes("chat 149") && !kept.includes("chat 49"));
});

test("without a storage, or with nonsense in it, the mark is this page's", () => {
  const broken = new Unseen(() => {
    throw new Error("denied");
  }, 7);
  broken.heard("a", at(1));
  assert.equal(broken.has("a"), true);
  broken.saw("a");
  assert.equal(broken.has("a"), false);
  for (const nonsense of ["null", "5", '{"a": 5}', '{"a": null}', "{"]) {
    stored[KEY] = nonsense;
    const notes = open();
    assert.equal(notes.has("a"), false, nonsense);
    notes.heard("a", at(1));
    assert.equal(notes.has("a"), true, nonsense);
  }
});
