import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces } from "../src/parts/talking/links.js";

const links = (text) =>
  pieces(text)
    .filter(({ href }) => href)
    .map(({ text: shown, href }) => [shown, href]);

test("the pieces are the whole text, in order", () => {
  for (const text of [
    "",
    "plain",
    "https://a.example",
    "see https://a.example/x, and http://b.example!",
    "a\nb https://c.example\n",
  ]) {
    assert.equal(
      pieces(text)
        .map((piece) => piece.text)
        .join(""),
      text,
    );
  }
});

test("web addresses are links, without the punctuation around them", () => {
  assert.deepEqual(links("See https://a.example/x?y=1#z, or (http://b.example/wiki/A_(b))."), [
    ["https://a.example/x?y=1#z", "https://a.example/x?y=1#z"],
    ["http://b.example/wiki/A_(b)", "http://b.example/wiki/A_(b)"],
  ]);
});

test("PR19 nothing else is", () => {
  for (const text of [
    "javascript:alert(1)",
    "[x](java\tscript:alert(1))",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "ftp://a.example",
    "//a.example",
    "https://",
    "xhttps://a.example",
    "https://bank.example@evil.example/",
  ]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("PR19 an address ends before quotes, markup and characters that turn the text around", () => {
  for (const end of ['"onclick=alert(1)', "'x", "<b>", ">", "`", "\u202egpj.exe", "\u2066x", " x", "\nx"]) {
    assert.deepEqual(links(`https://a.example/b${end}`), [["https://a.example/b", "https://a.example/b"]]);
  }
});
