import assert from "node:assert/strict";
import test from "node:test";

import { find, score } from "../../agents_app/static/agents_app/fuzzy.js";
import { KEYS, actionFor, keyLabel } from "../../agents_app/static/agents_app/keys.js";

const FREE = { isTyping: false, isDialogOpen: false, areSingleKeysOn: true, isMac: false };
const press = (key, fields = {}) => ({
  key,
  code: "",
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  keyCode: 0,
  ...fields,
});
const CTRL_K = press("k", { ctrlKey: true });

test("every key of the table does its action, and no key or action stands there twice", () => {
  for (const { key, action } of KEYS) {
    const event = key === "Mod+K" ? CTRL_K : press(key);
    assert.equal(actionFor(event, FREE), action);
  }
  assert.equal(new Set(KEYS.map(({ key }) => key)).size, KEYS.length);
  assert.equal(new Set(KEYS.map(({ action }) => action)).size, KEYS.length);
});

test("a key that is not in the table does nothing", () => {
  for (const key of ["x", "Enter", "Tab", " ", "Dead", "ArrowDown"])
    assert.equal(actionFor(press(key), FREE), null);
});

test("while one types, single keys write; Escape and the palette remain", () => {
  const typing = { ...FREE, isTyping: true };
  for (const { key } of KEYS.filter((entry) => entry.key.length === 1)) {
    assert.equal(actionFor(press(key), typing), null, key);
  }
  assert.equal(actionFor(press("Escape"), typing), "leave");
  assert.equal(actionFor(CTRL_K, typing), "palette");
});

test("one switch turns the single keys off", () => {
  const off = { ...FREE, areSingleKeysOn: false };
  assert.deepEqual(
    KEYS.filter(({ key }) => actionFor(key === "Mod+K" ? CTRL_K : press(key), off)).map(({ key }) => key),
    ["Mod+K", "Escape"],
  );
});

test("an open dialog has the keys for itself", () => {
  for (const event of [press("j"), press("Escape"), CTRL_K]) {
    assert.equal(actionFor(event, { ...FREE, isDialogOpen: true }), null);
  }
});

test("with a modifier a key is the browser's", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey", "shiftKey"]) {
    assert.equal(actionFor(press("r", { [modifier]: true }), FREE), null, modifier);
  }
  assert.equal(actionFor(press("k", { ctrlKey: true, shiftKey: true }), FREE), null);
  assert.equal(actionFor(press("k", { ctrlKey: true, altKey: true }), FREE), null);
});

test("on a Mac the palette is Command-K; Control-K deletes the line there", () => {
  const mac = { ...FREE, isMac: true };
  assert.equal(actionFor(press("k", { metaKey: true }), mac), "palette");
  assert.equal(actionFor(CTRL_K, mac), null);
  assert.equal(actionFor(press("k", { metaKey: true }), FREE), null);
});

test("shift is part of a sign, and caps lock changes nothing", () => {
  assert.equal(actionFor(press("?", { shiftKey: true }), FREE), "help");
  assert.equal(actionFor(press("/", { shiftKey: true, code: "Digit7" }), FREE), "search");
  assert.equal(actionFor(press("J", { code: "KeyJ" }), FREE), "nextRow");
});

test("a keyboard of other letters has the keys in the same places, another order by the letter", () => {
  assert.equal(actionFor(press("о", { code: "KeyJ" }), FREE), "nextRow");
  assert.equal(actionFor(press("л", { code: "KeyK", ctrlKey: true }), FREE), "palette");
  assert.equal(actionFor(press("j", { code: "KeyC" }), FREE), "nextRow");
});

test("while an input method composes, keys choose words", () => {
  assert.equal(actionFor(press("j", { isComposing: true }), FREE), null);
  assert.equal(actionFor(press("Escape", { keyCode: 229 }), FREE), null);
});

test("keys are written as they stand on the keyboard", () => {
  assert.deepEqual(
    ["j", "Escape", "Mod+K"].map((key) => keyLabel(key, false)),
    ["j", "Esc", "Ctrl K"],
  );
  assert.equal(keyLabel("Mod+K", true), "⌘K");
});

// Finding by a few letters

const items = (...texts) => texts.map((text) => ({ text }));
const texts = (query, ...candidates) => find(query, items(...candidates)).map(({ text }) => text);

test("letters that begin words or follow each other are found first", () => {
  assert.equal(texts("ve", "Olive", "Vera", "Steve")[0], "Vera");
  assert.equal(texts("sh", "Refresh", "Search the history", "Show keys")[0], "Show keys");
  assert.equal(texts("ar", "Caber", "Clara")[0], "Clara");
  assert.equal(texts("sth", "Switch path", "Search the history")[0], "Search the history");
});

test("all letters have to be there in their order; case, accents and spaces do not matter", () => {
  assert.deepEqual(texts("zoe", "Zoë Müller", "Ezio"), ["Zoë Müller"]);
  assert.deepEqual(texts("ZM", "Zoë Müller"), ["Zoë Müller"]);
  assert.deepEqual(texts("muller z", "Zoë Müller"), []);
  assert.deepEqual(texts("q", "Vera"), []);
  assert.deepEqual(texts("İ", "Istanbul"), ["Istanbul"]);
});

test("what stands beside a name is found, too", () => {
  const chat = { text: "محمد", about: "8SR3-97YS" };
  assert.deepEqual(find("8sr3", [{ text: "Vera" }, chat]), [chat]);
});

test("without a query everything stands in its order", () => {
  assert.deepEqual(texts("  ", "b", "a", ""), ["b", "a", ""]);
});

test("a later start may fit better than the first letter that does", () => {
  assert.ok(score("an", "Hand in Ann") > score("an", "Hand in"));
});

test("a thousand long names are searched at once", () => {
  const long = items(...Array.from({ length: 1000 }, (_, index) => `${"a".repeat(200)}${index}`));
  assert.equal(find("aaab", long).length, 0);
});
