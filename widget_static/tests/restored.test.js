import assert from "node:assert/strict";
import { test } from "node:test";
import { markEarlier, markRestored, withoutUnsaid } from "../src/parts/talking/restored.js";
import { wordsOf } from "../src/text.js";

const texts = { get: (key) => (key === "restored" ? "Your chat has been restored" : "") };
const at = new Date(2026, 0, 5, 9);
const message = (seq, reason) => ({ seq, event: reason && { reason } });
const item = ({ seq }) => ({ seq, at, text: `seq ${seq}` });

test("who is back reads that the chat was restored and nothing of the absence", () => {
  const messages = [message(1), message(2, "disconnected"), message(3, "reopened"), message(4, "accepted")];
  const shown = withoutUnsaid(messages.map(item), { store: { messages } });
  assert.deepEqual(
    markRestored(shown, { restoredAfter: 3 }, texts).map(({ text }) => text),
    ["seq 1", "Your chat has been restored", "seq 4"],
  );
});

test("what is still being sent has no seq and stays", () => {
  const sending = { key: "a", text: "Hello" };
  assert.deepEqual(withoutUnsaid([sending], { store: { messages: [message(1, "reopened")] } }), [sending]);
});

test("the tenant's own words of an abandonment come before the widget's", () => {
  const event = { reason: "idle", text: "Write to help@shop.example" };
  assert.equal(wordsOf({ event, body: "closed" }, { get: () => "The chat was closed" }), event.text);
});

test("above the messages stands what became of the chat before, if anything was said in it", () => {
  const texts = { get: (name) => name };
  const shown = (previous) => markEarlier([{ text: "Hello!" }], { previous }, texts).map(({ text }) => text);
  for (const outcome of ["expired", "abandoned", "network"])
    assert.deepEqual(shown({ outcome, last_seq: 3 }), ["earlier.away", "Hello!"]);
  for (const outcome of ["ended", "not_found"])
    assert.deepEqual(shown({ outcome, last_seq: 3 }), ["earlier", "Hello!"]);
  assert.deepEqual(shown({ outcome: "expired", last_seq: 0 }), ["Hello!"]);
  assert.deepEqual(shown(null), ["Hello!"]);
});

test("the end is told once: by the notice, where the last message says the same", () => {
  const messages = [message(1), message(2, "idle"), message(3), message(4, "idle")];
  const shown = (chat) => withoutUnsaid(messages.map(item), { store: { messages }, ...chat }).length;
  assert.equal(shown({ phase: "over", ended: { reason: "idle" } }), 3);
  assert.equal(shown({ phase: "over", ended: { reason: "agent" } }), 4);
  assert.equal(shown({ phase: "over", ended: {} }), 4);
  assert.equal(shown({ phase: "live", ended: null }), 4);
});
