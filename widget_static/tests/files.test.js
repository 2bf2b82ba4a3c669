import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeText } from "../src/parts/files/draw.js";

test("a size is told in the unit that fits, in the visitor's way of writing numbers", () => {
  const said = (locale) => [1, 48_213, 999_499, 10_485_760].map((bytes) => sizeText(bytes, locale));
  assert.deepEqual(said("en"), ["1 kB", "48 kB", "999 kB", "10.5 MB"]);
  assert.equal(said("de")[3], "10,5 MB");
});
