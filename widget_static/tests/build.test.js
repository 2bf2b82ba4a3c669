import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { bundleAll, CORE, hash, MANIFEST, manifestOf, PARTS, UNKNOWN_VERSION } from "../build.js";
import { keep } from "../release.js";

const MOST_BYTES = 15 * 1024;
const MOST_BYTES_OF_A_CHAT = 21_760;
const RELEASED = fileURLToPath(new URL("../released", import.meta.url));
const STALE = "run: npm run build";

const read = (path) => readFile(path, "utf8");
const scriptsIn = async (folder) => {
  const files = await readdir(folder).catch(() => []);
  return Promise.all(
    files.filter((file) => file.endsWith(".js")).map(async (file) => [file, await read(join(folder, file))]),
  );
};

test("the committed files are what their sources make", async () => {
  const built = await bundleAll();
  assert.ok((await read(CORE)) === built.core, STALE);
  assert.equal(await read(MANIFEST), manifestOf(built), STALE);
  const parts = Object.values(built.parts).map(({ file, text }) => [file, text]);
  assert.deepEqual(await scriptsIn(PARTS), parts.sort(), STALE);
});

test("what is needed to chat is at most 15 KB, compressed as it is served", async () => {
  const { length } = brotliCompressSync(await readFile(CORE));
  assert.ok(length <= MOST_BYTES, `${length} bytes`);
});

test("what a plain chat in English loads in all is at most 21,760 bytes, compressed as it is served", async () => {
  const { parts } = JSON.parse(await read(MANIFEST));
  const files = [CORE, join(PARTS, parts.talking)];
  const sizes = await Promise.all(files.map(async (file) => brotliCompressSync(await readFile(file)).length));
  const sum = sizes[0] + sizes[1];
  assert.ok(sum <= MOST_BYTES_OF_A_CHAT, `${sum} bytes`);
});

test("a file whose name has a hash has that content, also those of earlier releases", async () => {
  const { version } = JSON.parse(await read(MANIFEST));
  const files = [
    ...(await scriptsIn(PARTS)),
    ...(await scriptsIn(RELEASED)),
    [`${version}.js`, await read(CORE)],
  ];
  for (const [file, text] of files) {
    const name = file.replace(/\.js$/, "");
    assert.ok(name.endsWith(`-${hash(text.replaceAll(name, UNKNOWN_VERSION))}`), file);
  }
});

test("a release is kept under the names by which pages ask for it, beside earlier ones", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "released-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "earlier.js"), "");
  await keep(folder);
  const { version, parts } = JSON.parse(await read(MANIFEST));
  assert.deepEqual(
    (await readdir(folder)).sort(),
    [`${version}.js`, ...Object.values(parts), "earlier.js"].sort(),
  );
  assert.equal(await read(join(folder, `${version}.js`)), await read(CORE));
});

test("a part that imports from the core is refused: it would be loaded twice", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "parts-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(
    join(folder, "greedy.js"),
    'import { Timers } from "../timers.js"; export const create = Timers;',
  );
  await assert.rejects(bundleAll(folder), /greedy\.js is a part/);
});

test("they say nothing of the machine that built them, and need nothing that strict pages forbid", async () => {
  for (const [file, text] of [...(await scriptsIn(PARTS)), ["chat-widget.js", await read(CORE)]]) {
    for (const forbidden of [
      /sourceMappingURL/,
      /file:\/\//,
      /node_modules/,
      /innerHTML/,
      /insertAdjacentHTML/,
      /\beval\(/,
      /new Function/,
    ]) {
      assert.doesNotMatch(text, forbidden, file);
    }
  }
});
