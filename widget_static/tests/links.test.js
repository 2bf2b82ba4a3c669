import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces } from "../src/parts/links/pieces.js";

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

test("e-mail addresses are links to the bare address", () => {
  assert.deepEqual(links("Write to help@shop.example, or mailto:Vera.M+x@mail.shop.example."), [
    ["help@shop.example", "mailto:help@shop.example"],
    ["mailto:Vera.M+x@mail.shop.example", "mailto:Vera.M+x@mail.shop.example"],
  ]);
  assert.deepEqual(links("mailto:vera@shop.example?bcc=eve@evil.example&body=x"), [
    ["mailto:vera@shop.example", "mailto:vera@shop.example"],
    ["eve@evil.example", "mailto:eve@evil.example"],
  ]);
  for (const text of ["@vera", "vera@", "vera@localhost", "a @ b.example", 'mailto:"x"@y']) {
    assert.deepEqual(links(text), [], text);
  }
});

test("a text that is no address costs no more than a look", () => {
  const began = process.cpuUsage().user;
  for (const text of ["a".repeat(4000), "a.".repeat(2000), "a@".repeat(2000), `a@${"b.".repeat(2000)}`])
    pieces(text);
  assert.ok(process.cpuUsage().user - began < 1_000_000);
});
