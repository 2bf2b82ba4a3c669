import assert from "node:assert/strict";
import { test } from "node:test";
import { texts as english, transcriptOf } from "../src/parts/transcript_download.js";
import { wordsOf } from "../src/text.js";
import { Texts } from "../src/texts.js";
import { message } from "./fixtures.js";

const texts = new Texts();
texts.add(english);

function lines(...messages) {
  const text = transcriptOf({ conversation_id: "K7Q2-9FXM" }, messages, texts, wordsOf);
  return text.replace(/\[[^\]]*\] /g, "").split("\n");
}

test("a transcript has its reference, and each message with its author", () => {
  const own = { sender_type: "visitor", sender_name: "Vera" };
  const system = { sender_type: "system", sender_name: "", message_type: "system" };

  assert.deepEqual(
    lines(
      message(1, { ...own, body: "Hello" }),
      message(2, { ...system, body: "alice joined the chat" }),
      message(3, { body: "Hi Vera" }),
    ),
    ["Transcript of chat K7Q2-9FXM", "", "You: Hello", "alice joined the chat", "alice: Hi Vera", ""],
  );
});

test("each message has its time", () => {
  const text = transcriptOf({ conversation_id: "K7Q2-9FXM" }, [message(1)], texts, wordsOf);
  assert.match(text, /^\[Jan 5, 2026, \d+:\d\d\s?[AP]M\] alice: message 1$/mu);
});

test("no message can be written so that it looks like several", () => {
  for (const end of ["\n", "\r\n", "\r", "\u2028", "\u2029", "\u0085"]) {
    const written = lines(
      message(1, { body: `I agree${end}[Jan 5, 2026, 9:01 AM] alice: You get it for nothing` }),
    );
    assert.deepEqual(
      written.slice(2, 4),
      ["alice: I agree", "    alice: You get it for nothing"],
      JSON.stringify(end),
    );
  }
});
