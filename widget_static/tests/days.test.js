import assert from "node:assert/strict";
import { mock, test } from "node:test";
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

test("a group has one time, below its last message; what is not settled has its own", () => {
  const now = new Date(2026, 0, 5, 12);
  const mine = (minute, state) =>
    said(new Date(2026, 0, 5, 9, minute), { kind: "visitor", name: "", state, meta: state });
  const items = [mine(0, "read"), mine(1, "read"), mine(2, "sent"), mine(3, "failed"), mine(4, "sending")];
  items.push(mine(4, "sending"), mine(9, "sending"));

  const arranged = arrangeByDay(items, texts, now).slice(1);
  const spaces = /\s/g; // of several kinds
  assert.deepEqual(
    arranged.map(({ meta, isFollowed }) => (isFollowed ? "" : meta.replace(spaces, " "))),
    [
      "",
      "9:01 AM · read",
      "9:02 AM · sent",
      "9:03 AM · failed",
      "9:04 AM · sending",
      "9:04 AM · sending",
      "9:09 AM · sending",
    ],
  );
  assert.equal(arranged[0].meta.replace(spaces, " "), "9:00 AM · read", "for who listens");
});

test("a group ends after five minutes, however quickly one line follows another", () => {
  const items = [0, 2, 4, 6].map((minute) => said(new Date(2026, 0, 5, 9, minute)));
  const [, ...arranged] = arrangeByDay(items, texts, new Date(2026, 0, 5, 12));
  assert.deepEqual(
    arranged.map(({ follows, isFollowed }) => [follows, Boolean(isFollowed)]),
    [
      [false, true],
      [true, true],
      [true, false],
      [false, false],
    ],
  );
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

test("a long chat is arranged with one format for all of its times, another language with its own", () => {
  const { DateTimeFormat } = Intl;
  const made = mock.method(Intl, "DateTimeFormat", function (...options) {
    return new DateTimeFormat(...options);
  });
  // It makes one each time.
  const alone = mock.method(Date.prototype, "toLocaleTimeString");
  const items = Array.from({ length: 200 }, (_, minute) => said(new Date(2026, 0, 5, 9, minute)));
  const german = Object.assign(Object.create(texts), { locale: "de" });
  const timeIn = (language) => arrangeByDay(items, language, new Date(2026, 0, 5, 12)).at(-1).meta;
  timeIn(texts);
  assert.match(timeIn(texts), /PM$/);
  assert.equal(timeIn(german), "12:19");
  assert.ok(made.mock.callCount() + alone.mock.callCount() <= 2);
  mock.restoreAll();
});

test("a time that is none is left out", () => {
  const [, item] = arrangeByDay([said("nonsense")], texts);
  assert.equal(item.meta, "");
});
