import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanText, isUuid, MAX_TEXT, textLength, textProblem, uuid } from "../src/protocol.js";

test("a uuid is one of version 4, and never the same", () => {
  const made = new Set(Array.from({ length: 1000 }, uuid));
  assert.equal(made.size, 1000);
  for (const each of made)
    assert.match(each, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(isUuid([...made][0]));
  for (const other of ["", "x", null, 5, `${[...made][0]}0`]) assert.equal(isUuid(other), false);
});

test("PR08 text that shows nothing is empty", () => {
  for (const text of [
    "",
    " ",
    "\n\t ",
    "\u00a0\u3000",
    "\u200b",
    "\u200d\u2060\ufeff",
    "\u2066\u2069",
    "\u001c\u0085",
  ]) {
    assert.equal(textProblem(text), "empty", JSON.stringify(text));
  }
  for (const text of ["a", ".", "0", "\u{1F642}", " \u200b\u05d0 "]) assert.equal(textProblem(text), null);
});

test("PR09 the limit counts code points after trimming", () => {
  for (const unit of ["a", "\u6f22", "\u{1F469}"]) {
    assert.equal(textProblem(unit.repeat(MAX_TEXT)), null);
    assert.equal(textProblem(` ${unit.repeat(MAX_TEXT)}\n`), null);
    assert.equal(textProblem(unit.repeat(MAX_TEXT + 1)), "too_long");
  }
  assert.equal(textLength("\u{1F469}\u200d\u{1F467}"), 3);
});

test("PR10 what the server would refuse or nobody can see is not sent; line breaks and tabs are", () => {
  assert.equal(cleanText(" a\u0000b\u001b[31m\ud800c\r\nd\te\rf \u007f"), "ab[31mc\nd\te\nf");
  assert.equal(cleanText("\u{1F642}"), "\u{1F642}", "a surrogate pair is no lone surrogate");
});
