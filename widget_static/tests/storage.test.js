import assert from "node:assert/strict";
import { test } from "node:test";
import { SessionStorage } from "../src/storage.js";
import { message } from "./fixtures.js";

const KEY = "cc_chat_session";
const SESSION = {
  session_id: "0d9f2a52-1c53-4c6e-8a53-2d1f3f6f8f10",
  session_key: "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE",
  conversation_id: "K7Q2-9FXM",
  messages: [message(1)],
  outbox: [],
  timestamp: 1767600000000,
};

class Area {
  items = new Map();
  room = Infinity;

  getItem(key) {
    return this.items.get(key) ?? null;
  }

  setItem(key, text) {
    if (text.length > this.room) throw new DOMException("full", "QuotaExceededError");
    this.items.set(key, text);
  }

  removeItem(key) {
    this.items.delete(key);
  }
}

function storageOn(area, owner = {}) {
  return new SessionStorage({ tenantId: "demo-tenant", apiHost: "chat.test", area: () => area, ...owner });
}

test("what is written is read again, after a reload too, from one item", () => {
  const area = new Area();
  assert.equal(storageOn(area).write(SESSION), true);
  assert.deepEqual([...area.items.keys()], [KEY]);
  const { record, damaged } = storageOn(area).read();
  assert.equal(damaged, undefined);
  for (const [name, value] of Object.entries(SESSION)) assert.deepEqual(record[name], value);
  assert.equal(record.tenant_id, "demo-tenant");
});

test("nothing stored is nothing, and clearing it is fine", () => {
  const storage = storageOn(new Area());
  assert.deepEqual(storage.read(), { record: null });
  storage.clear();
});

test("clear removes the item", () => {
  const area = new Area();
  const storage = storageOn(area);
  storage.write(SESSION);
  storage.clear();
  assert.equal(area.items.size, 0);
});

for (const [what, change] of Object.entries({
  "another tenant": { tenantId: "other-tenant" },
  "another API host": { apiHost: "other.test" },
})) {
  test(`a second widget for ${what} on the same origin has an item of its own`, () => {
    const area = new Area();
    const first = storageOn(area);
    const second = storageOn(area, change);
    first.write(SESSION);
    assert.deepEqual(second.read(), { record: null });
    second.write({ ...SESSION, conversation_id: "SECOND" });
    assert.equal(first.read().record.conversation_id, "K7Q2-9FXM");

    first.clear();
    assert.equal(second.read().record.conversation_id, "SECOND", "also when the plain key is free again");
    second.clear();
    assert.equal(area.items.size, 0);
  });
}

test("an item without an owner, as other versions write it, is ours", () => {
  const area = new Area();
  area.setItem(KEY, JSON.stringify(SESSION));
  assert.equal(storageOn(area).read().record.session_id, SESSION.session_id);
});

test("a chat that is still being started is kept with what was typed", () => {
  const storage = storageOn(new Area());
  const start = { start_id: "6d5bbd1e-58b5-4a55-9d1d-0e63c3a1a3a1", outbox: [], timestamp: 1 };
  storage.write(start);
  assert.equal(storage.read().record.start_id, start.start_id);
});

for (const [what, text] of Object.entries({
  "broken JSON": "{",
  "no object": "[1]",
  "an empty object": "{}",
  "no key": JSON.stringify({ ...SESSION, session_key: undefined }),
  "a truncated key": JSON.stringify({ ...SESSION, session_key: "Zm9v" }),
  "a key of another type": JSON.stringify({ ...SESSION, session_key: { length: 43 } }),
  "an id with a path in it": JSON.stringify({ ...SESSION, session_id: "../../../admin/logout" }),
  "5 MB": JSON.stringify({ ...SESSION, messages: "x".repeat(5_000_000) }),
})) {
  test(`BS02 a tampered item is told apart from none: ${what}`, () => {
    const area = new Area();
    area.setItem(KEY, text);
    const { record, damaged } = storageOn(area).read();
    assert.equal(record, null);
    assert.equal(damaged, true);
  });
}

test("BS02 of a tampered item its session is still known, to tell the server what became of it", () => {
  const area = new Area();
  area.setItem(KEY, JSON.stringify({ ...SESSION, session_key: "short" }));
  assert.equal(storageOn(area).read().session_id, SESSION.session_id);
});

test("BS03 where access itself throws, the page has its chat in memory", () => {
  const storage = storageOn(null, {
    area: () => {
      throw new DOMException("denied", "SecurityError");
    },
  });
  assert.deepEqual(storage.read(), { record: null });
  assert.equal(storage.write(SESSION), false);
  assert.equal(storage.read().record.session_id, SESSION.session_id);
  storage.clear();
  assert.deepEqual(storage.read(), { record: null });
});

test("BS03 where there is no storage at all, neither does anything throw", () => {
  const storage = storageOn(null);
  assert.equal(storage.write(SESSION), false);
  assert.equal(storage.read().record.session_id, SESSION.session_id);
});

test("BS03 when the quota is used up, the cached messages give way to what the visitor typed", () => {
  const area = new Area();
  area.room = 2000;
  const storage = storageOn(area);
  const outbox = [
    { client_message_id: "6d5bbd1e-58b5-4a55-9d1d-0e63c3a1a3a1", body: "unsent", state: "sending" },
  ];
  const messages = Array.from({ length: 50 }, (_, i) => message(i + 1, { body: "x".repeat(100) }));
  assert.equal(storage.write({ ...SESSION, messages, outbox }), true);
  const { record } = storage.read();
  assert.deepEqual(record.messages, []);
  assert.deepEqual(record.outbox, outbox);

  area.room = 0;
  assert.equal(storage.write({ ...SESSION, outbox }), false);
  assert.deepEqual(storage.read().record.outbox, outbox, "newer than what the browser still holds");
});
