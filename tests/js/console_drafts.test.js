import assert from "node:assert/strict";
import test from "node:test";

import { Drafts } from "../../agents_app/static/agents_app/drafts.js";

class FakeStorage {
  items = new Map();
  getItem(key) {
    return this.items.get(key) ?? null;
  }
  setItem(key, value) {
    this.items.set(key, value);
  }
}

test("drafts and outboxes survive a reload, each chat's apart", () => {
  const storage = new FakeStorage();
  const drafts = new Drafts(() => storage, 7);
  drafts.set("a", "half an answer");
  drafts.set("b", "another");
  drafts.set("b", "");
  assert.equal(new Drafts(() => storage, 7).get("a"), "half an answer");
  drafts.outboxes = { a: [{ client_message_id: "1", body: "on its way" }] };
  const reloaded = new Drafts(() => storage, 7);
  assert.equal(reloaded.get("a"), "half an answer");
  assert.equal(reloaded.get("b"), "");
  assert.equal(reloaded.outboxes.a[0].body, "on its way");
});

test("another agent at the same browser does not get them", () => {
  const storage = new FakeStorage();
  new Drafts(() => storage, 7).set("a", "half an answer");
  assert.equal(new Drafts(() => storage, 8).get("a"), "");
});

test("without storage, with a full one, or with nonsense in it, they are kept in memory", () => {
  const denied = () => {
    throw new Error("SecurityError");
  };
  const full = new FakeStorage();
  full.setItem = denied;
  const nonsense = new FakeStorage();
  nonsense.getItem = () => "{broken";
  const older = new FakeStorage();
  older.getItem = () => '{"drafts": null}';
  for (const storage of [denied, () => full, () => nonsense, () => older]) {
    const drafts = new Drafts(storage, 7);
    drafts.set("a", "half an answer");
    assert.equal(drafts.get("a"), "half an answer");
    assert.deepEqual(drafts.outboxes, {});
  }
});

test("a note has a draft of its own: it never slips into what the visitor gets", () => {
  const storage = new FakeStorage();
  const drafts = new Drafts(() => storage, 7);
  drafts.set("a", "Dear Vera");
  drafts.set("a", "She is angry", "note");
  drafts.noteOutboxes = { a: [{ client_message_id: "1", body: "on its way" }] };
  const reloaded = new Drafts(() => storage, 7);
  assert.equal(reloaded.get("a"), "Dear Vera");
  assert.equal(reloaded.get("a", "note"), "She is angry");
  assert.equal(reloaded.noteOutboxes.a[0].body, "on its way");
  reloaded.set("a", "", "note");
  assert.deepEqual([reloaded.get("a", "note"), reloaded.get("a")], ["", "Dear Vera"]);
});

test("a draft remembers how far the chat had come when it was begun", () => {
  const storage = new FakeStorage();
  const drafts = new Drafts(() => storage, 7);
  assert.equal(drafts.begunAt("a"), Infinity);
  drafts.set("a", "D", "reply", 4);
  drafts.set("a", "Dear", "reply", 6);
  drafts.set("a", "for colleagues", "note", 9);
  assert.equal(new Drafts(() => storage, 7).begunAt("a"), 4);
  drafts.compared("a", 6);
  assert.equal(drafts.begunAt("a"), 6);
  drafts.set("a", "", "reply", 7);
  assert.equal(drafts.begunAt("a"), Infinity);
  drafts.compared("a", 8);
  assert.equal(drafts.begunAt("a"), Infinity, "nothing is drafted");
});

test("what was sent from this tab is known after a reload", () => {
  const storage = new FakeStorage();
  const drafts = new Drafts(() => storage, 7);
  assert.deepEqual(drafts.sent, []);
  drafts.sent = ["1", "2"];
  assert.deepEqual(new Drafts(() => storage, 7).sent, ["1", "2"]);
});

test("what is kept is a copy: an entry that changes afterwards is written again", () => {
  const storage = new FakeStorage();
  const drafts = new Drafts(() => storage, 7);
  const entry = { client_message_id: "1", body: "x", state: "sending" };
  drafts.outboxes = { a: [entry] };
  entry.state = "failed";
  drafts.outboxes = { a: [entry] };
  assert.equal(new Drafts(() => storage, 7).outboxes.a[0].state, "failed");
});
