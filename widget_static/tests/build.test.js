import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { bundle, OUTPUT } from "../build.js";

const MOST_BYTES = 15 * 1024;

test("the committed file is what its sources make", async () => {
  assert.ok((await readFile(OUTPUT, "utf8")) === (await bundle()), "run: npm run build");
});

test("it is at most 15 KB, compressed as it is served", async () => {
  const { length } = brotliCompressSync(await readFile(OUTPUT));
  assert.ok(length <= MOST_BYTES, `${length} bytes`);
});

test("it says nothing of the machine that built it, and needs nothing that strict pages forbid", async () => {
  const text = await readFile(OUTPUT, "utf8");
  for (const forbidden of [
    /sourceMappingURL/,
    /file:\/\//,
    /node_modules/,
    /innerHTML/,
    /insertAdjacentHTML/,
    /\beval\(/,
    /new Function/,
  ]) {
    assert.doesNotMatch(text, forbidden);
  }
});
