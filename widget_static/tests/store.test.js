import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageStore } from "../src/store.js";
import { message, randomFrom, shuffled } from "./fixtures.js";

const seqs = (store) => store.messages.map(({ seq }) => seq);

test("any order, with repetitions, ends as the sorted set", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomFrom(seed);
    const total = 1 + Math.floor(random() * 40);
    const all = Array.from({ length: total }, (_, i) => message(i + 1));
    const repeated = all.filter(() => random() < 0.4);
    const store = new MessageStore();
    for (const each of shuffled([...all, ...repeated], random)) store.add(each);
    assert.deepEqual(store.messages, all, `seed ${seed}`);
    assert.equal(store.lastSeq, total);
    assert.equal(store.hole, null);
  }
});

test("lastSeq is before the first hole, and asking from there fills every hole", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomFrom(seed);
    const all = Array.from({ length: 1 + Math.floor(random() * 40) }, (_, i) => message(i + 1));
    const arrived = all.filter(() => random() < 0.6);
    const store = new MessageStore();
    for (const each of shuffled(arrived, random)) store.add(each);

    const firstMissing = all.find((each) => !arrived.includes(each))?.seq ?? all.length + 1;
    assert.equal(store.lastSeq, firstMissing - 1, `seed ${seed}`);
    assert.equal(store.hole, arrived.some(({ seq }) => seq > firstMissing) ? firstMissing - 1 : null);

    for (const each of all.filter(({ seq }) => seq > store.lastSeq)) store.add(each);
    assert.deepEqual(store.messages, all);
  }
});

test("a message that is there already is refused, and the first one stays", () => {
  const store = new MessageStore();
  assert.equal(store.add(message(1, { body: "first" })), true);
  assert.equal(store.add(message(1, { body: "second" })), false);
  assert.equal(store.messages[0].body, "first");
});

test("what is no message is refused", () => {
  const store = new MessageStore();
  const broken = [
    null,
    5,
    "x",
    [],
    {},
    message(0),
    message(-1),
    message(1.5),
    message("1"),
    message(2 ** 53),
  ];
  for (const each of [...broken, message(1, { body: null }), message(1, { created_at: 5 })]) {
    assert.equal(store.add(each), false);
  }
  assert.deepEqual(store.messages, []);
});

test("a message of a type from a newer server is kept, so that it leaves no hole", () => {
  const store = new MessageStore();
  assert.equal(store.add(message(1, { message_type: "poll" })), true);
  assert.equal(store.lastSeq, 1);
});

test("a queued text is in the outbox until it is acknowledged, and then once among the messages", () => {
  const store = new MessageStore();
  const first = store.queue("one");
  const second = store.queue("two");
  assert.deepEqual(
    store.outbox.map(({ body, state }) => [body, state]),
    [
      ["one", "sending"],
      ["two", "sending"],
    ],
  );
  assert.notEqual(first.client_message_id, second.client_message_id);

  const committed = message(1, { client_message_id: first.client_message_id, body: "one" });
  assert.equal(store.add(committed), true);
  assert.equal(store.add(committed), false, "a repeated acknowledgement");
  assert.deepEqual(store.outbox, [second]);
  assert.deepEqual(store.messages, [committed]);
});

test("the broadcast of one's own message settles it as the acknowledgement does", () => {
  const store = new MessageStore();
  const { client_message_id } = store.queue("hello");
  store.add(message(1, { client_message_id }));
  assert.deepEqual(store.outbox, []);
});

test("an acknowledgement that arrives before earlier messages leaves the outbox and opens a hole", () => {
  const store = new MessageStore();
  const { client_message_id } = store.queue("hello");
  store.add(message(3, { client_message_id }));
  assert.deepEqual(store.outbox, []);
  assert.equal(store.hole, 0);
});

test("the same client id is queued once", () => {
  const store = new MessageStore();
  const entry = store.queue("one");
  assert.equal(store.queue("one", entry.client_message_id), entry);
  assert.equal(store.outbox.length, 1);
});

test("a failed text says why, keeps its place and its id, and can be tried again", () => {
  const store = new MessageStore();
  const first = store.queue("one");
  store.queue("two");
  store.fail(first.client_message_id, { code: "busy", message: "Busy" });
  assert.deepEqual(
    store.outbox.map(({ state }) => state),
    ["failed", "sending"],
  );
  assert.equal(store.outbox[0].error.code, "busy");

  const again = store.retry(first.client_message_id);
  assert.equal(again.client_message_id, first.client_message_id);
  assert.equal(again.state, "sending");
  assert.equal(again.error, undefined);
});

test("a failure that comes after the acknowledgement changes nothing", () => {
  const store = new MessageStore();
  const { client_message_id } = store.queue("one");
  store.add(message(1, { client_message_id }));
  assert.equal(store.fail(client_message_id, { code: "busy" }), null);
  assert.equal(store.retry(client_message_id), null);
  assert.deepEqual(store.outbox, []);
});

test("clear forgets the messages and keeps the outbox", () => {
  const store = MessageStore.from({ messages: [message(7)] });
  store.queue("unsent");
  store.clear();
  assert.deepEqual([store.messages, store.lastSeq, store.hole, store.olderThan], [[], 0, null, null]);
  assert.equal(store.outbox.length, 1);
});

test("the newest 50 messages and the outbox survive being stored", () => {
  const store = new MessageStore();
  for (let seq = 1; seq <= 120; seq += 1) store.add(message(seq));
  store.add(message(130));
  const failed = store.queue("unsent");
  store.fail(failed.client_message_id, { code: "busy", message: "Busy" });
  store.queue("on its way");

  const again = MessageStore.from(JSON.parse(JSON.stringify(store)));
  assert.deepEqual(
    seqs(again),
    Array.from({ length: 50 }, (_, i) => 71 + i),
  );
  assert.equal(again.lastSeq, 120);
  assert.equal(again.hole, null);
  assert.equal(again.olderThan, 71);
  assert.deepEqual(again.outbox, store.outbox);
});

test("older pages join what was stored, until the beginning is there", () => {
  const store = MessageStore.from({ messages: [message(3), message(4)] });
  assert.equal(store.olderThan, 3);
  for (const seq of [1, 2]) store.add(message(seq));
  assert.deepEqual(seqs(store), [1, 2, 3, 4]);
  assert.equal(store.olderThan, null);
  assert.equal(store.lastSeq, 4);
});

test("a tampered store is read as far as it is sound, and never throws", () => {
  const entry = {
    client_message_id: "6d5bbd1e-58b5-4a55-9d1d-0e63c3a1a3a1",
    body: "kept",
    state: "??",
    created_at: 5,
  };
  const hostile = [
    null,
    5,
    "x",
    [],
    {},
    { messages: 5, outbox: "x" },
    { messages: [message(1), message(3)] },
  ];
  for (const json of hostile) {
    const store = MessageStore.from(json);
    assert.deepEqual([store.messages, store.outbox, store.lastSeq], [[], [], 0]);
  }
  const store = MessageStore.from({
    messages: [null, message(2), { ...message(9), body: 5 }, message(1)],
    outbox: [null, {}, { ...entry, client_message_id: "__proto__" }, { ...entry, body: {} }, entry, entry],
  });
  assert.deepEqual(seqs(store), [1, 2]);
  assert.deepEqual(
    store.outbox.map(({ body, state }) => [body, state]),
    [["kept", "sending"]],
  );
  assert.ok(Date.parse(store.outbox[0].created_at));
});

test("texts of another tab are adopted, but not one that is known better here", () => {
  const other = new MessageStore();
  const [sent, failed, unknown] = ["sent", "failed", "unknown"].map((body) => other.queue(body));
  const store = new MessageStore();
  store.add(message(1, { client_message_id: sent.client_message_id }));
  store.queue("failed", failed.client_message_id);
  store.fail(failed.client_message_id, { code: "invalid" });
  store.adopt(other.outbox);
  assert.deepEqual(
    store.outbox.map(({ body, state }) => [body, state]),
    [
      ["failed", "failed"],
      ["unknown", "sending"],
    ],
  );
  assert.notEqual(store.outbox[1], unknown, "a copy");
});
