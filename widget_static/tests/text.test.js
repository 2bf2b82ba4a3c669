import assert from "node:assert/strict";
import { test } from "node:test";
import { STRINGS } from "../src/strings.js";
import { channels, dayName, pieces, readableOn } from "../src/text.js";

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

test("days are told as people do", () => {
  const now = new Date(2026, 0, 5, 0, 30);
  const name = (...date) => dayName(new Date(...date), now, STRINGS, "en");
  assert.equal(name(2026, 0, 5, 23, 59), "Today");
  assert.equal(name(2026, 0, 4, 23, 59), "Yesterday");
  assert.equal(name(2026, 0, 3, 12), "Saturday, January 3");
  assert.equal(name(2025, 11, 31, 12), "Wednesday, December 31, 2025");
  assert.equal(name(2026, 0, 6, 1), "Tuesday, January 6");
});

test("colours are read as the browser writes them", () => {
  assert.deepEqual(channels("#2563eb"), [37, 99, 235]);
  assert.deepEqual(channels("#FFF"), [255, 255, 255]);
  assert.deepEqual(channels("rgb(1, 2, 3)"), [1, 2, 3]);
  assert.deepEqual(channels("rgba(1, 2, 3, 0.5)"), [1, 2, 3]);
  for (const other of ["", "red;}", "color(srgb 1 0 0)", "#12345"]) assert.equal(channels(other), null);
});

test("text on any colour has a contrast of at least 4.5", () => {
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) =>
      v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (let red = 0; red <= 255; red += 15) {
    for (let green = 0; green <= 255; green += 15) {
      for (let blue = 0; blue <= 255; blue += 15) {
        const [dark, light] = [
          luminance([red, green, blue]),
          luminance(channels(readableOn([red, green, blue]))),
        ].sort((a, b) => a - b);
        assert.ok((light + 0.05) / (dark + 0.05) >= 4.5, `${red} ${green} ${blue}`);
      }
    }
  }
});
