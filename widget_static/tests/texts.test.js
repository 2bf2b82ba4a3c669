import assert from "node:assert/strict";
import { test } from "node:test";
import { Texts } from "../src/texts.js";

test("a text has its values in it, and the plural form of its count", () => {
  const texts = new Texts();
  assert.equal(
    texts.get("withAgent", { name: "{count} $& alice" }),
    "You are chatting with {count} $& alice",
  );
  assert.equal(texts.get("unread", { count: 1 }), "1 new message");
  assert.equal(texts.get("unread", { count: 3 }), "3 new messages");
});

test("the site's own words win; what it leaves out stays", () => {
  const texts = new Texts();
  texts.override({ send: "Off it goes", unread: "{count} unread" });
  assert.equal(texts.get("send"), "Off it goes");
  assert.equal(texts.get("unread", { count: 1 }), "1 unread");
  assert.equal(texts.get("message"), "Message");
});

test("words that are none do no harm", () => {
  const texts = new Texts();
  texts.override({ send: 5, message: null, unread: { one: 1 } });
  assert.deepEqual([texts.get("send"), texts.get("message"), texts.get("nowhere")], ["5", "Message", ""]);
  assert.equal(texts.get("unread", { count: 2 }), "");
});

test("a part's texts are as good as the core's; until it is there, the more general one is said", () => {
  const texts = new Texts();
  assert.equal(texts.first("over.agent", "over"), "This chat has ended.");
  texts.add({ "over.agent": "The agent has ended this chat." });
  assert.equal(texts.first("over.agent", "over"), "The agent has ended this chat.");
});
