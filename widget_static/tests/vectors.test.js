// The texts that the server is asked about, too: tests/test_protocol.py reads the same file.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { textProblem } from "../src/protocol.js";

const file = new URL("../../tests/vectors/text.json", import.meta.url);

for (const [given, problem] of JSON.parse(readFileSync(file, "utf8")).texts) {
  const text = Array.isArray(given) ? given[0].repeat(given[1]) : given;
  test(`${JSON.stringify(text.slice(0, 20))} (${text.length}) is ${problem ?? "fine"}`, () => {
    assert.equal(textProblem(text), problem);
  });
}
