import assert from "node:assert/strict";
import { test } from "node:test";
import { arrangeByDay, dayName } from "../src/parts/talking/days.js";
import { Texts } from "../src/texts.js";

const texts = new Texts();
texts.add({ today: "Today", yesterday: "Yesterday" });

const said = (at, fields = {}) => ({
  key: String(at),
  kind: "agent",
  name: "Alice",
  at: new Date(at),
  ...fields,
});

test("days are told as people do", () => {
  const now = new Date(2026, 0, 5, 0, 30);
  const name = (...date) => dayName(new Date(...date), now, texts);
  assert.equal(name(2026, 0, 5, 23, 59), "Today");
  assert.equal(name(2026, 0, 4, 23, 59), "Yesterday");
  assert.equal(name(2026, 0, 3, 12), "Saturday, January 3");
  assert.equal(name(2025, 11, 31, 12), "Wednesday, December 31, 2025");
  assert.equal(name(2026, 0, 6, 1), "Tuesday, January 6");
});

test("each day has a line before its first message", () => {
  const now = new Date(2026, 0, 5, 12);
  const items = [
    said(new Date(2026, 0, 4, 23, 59)),
    said(new Date(2026, 0, 5, 0, 1)),
    said(new Date(2026, 0, 5, 9)),
  ];

  const lines = arrangeByDay(items, texts, now).map(({ kind, text }) => (kind === "day" ? text : kind));

  assert.deepEqual(lines, ["Yesterday", "agent", "Today", "agent", "agent"]);
});

test("who goes on writing within five minutes is not named again", () => {
  const now = new Date(2026, 0, 5, 12);
  const at = (minute) => new Date(2026, 0, 5, 9, minute);
  const items = [
    { key: "welcome", kind: "agent", text: "Hello" },
    said(at(0)),
    said(at(4)),
    said(at(10)),
    said(at(11), { name: "Bob" }),
    { key: "restored", kind: "system", text: "restored" },
    said(at(12), { name: "Bob" }),
    said(at(12), { kind: "visitor", name: "" }),
  ];

  const follows = arrangeByDay(items, texts, now)
    .filter(({ kind }) => kind !== "day")
    .map((item) => item.follows);

  assert.deepEqual(follows, [false, false, true, false, false, false, false, false]);
});
