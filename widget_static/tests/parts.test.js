import assert from "node:assert/strict";
import { test } from "node:test";
import { Parts, partsFolder } from "../src/parts.js";

const HASHES = { talking: "0123456789ab" };
const FILE = "talking-0123456789ab.js";

function makeParts(load) {
  const asked = [];
  const came = [];
  const parts = new Parts({
    folder: "https://chat.test/chat-widget/",
    hashes: HASHES,
    onLoad: (part) => came.push(part),
    load: async (url) => {
      asked.push(url.slice("https://chat.test/chat-widget/".length));
      return load(url);
    },
  });
  return { parts, asked, came };
}

test("a part is loaded once, however often it is asked for", async () => {
  const part = {};
  const { parts, asked, came } = makeParts(() => part);
  assert.deepEqual(await Promise.all([parts.load("talking"), parts.load("talking")]), [part, part]);
  assert.equal(await parts.load("talking"), part);
  assert.deepEqual([asked, came], [[FILE], [part]]);
});

test("a part that did not load is asked for again, at an address that no browser remembers", async () => {
  const part = {};
  let isAway = true;
  const { parts, asked, came } = makeParts(() => {
    if (isAway) throw new TypeError("Failed to fetch");
    return part;
  });
  await assert.rejects(parts.load("talking"), TypeError);
  await assert.rejects(parts.load("talking"), TypeError);
  isAway = false;
  assert.equal(await parts.load("talking"), part);
  assert.deepEqual(asked, [FILE, `${FILE}?retry=1`, `${FILE}?retry=2`]);
  assert.deepEqual(came, [part]);
});

test("parts lie beside the script, its pinned copies and, where it has another name, the API", () => {
  const folders = {
    "https://chat.test/chat-widget.js": "https://chat.test/chat-widget/",
    "https://chat.test/chat-widget.js?v=2": "https://chat.test/chat-widget/",
    "https://chat.test/chat-widget/0.1.0-0123456789ab.js": "https://chat.test/chat-widget/",
    "https://cdn.test/a/b/chat-widget.js": "https://cdn.test/a/b/chat-widget/",
    "https://chat-widget.test/chat-widget.js": "https://chat-widget.test/chat-widget/",
    "https://shop.test/assets/bundle.js": "https://api.test/chat/chat-widget/",
  };
  for (const [script, folder] of Object.entries(folders))
    assert.equal(partsFolder(script, "https://api.test/chat"), folder);
  assert.equal(partsFolder(undefined, "https://api.test"), "https://api.test/chat-widget/");
});
