import assert from "node:assert/strict";
import { test } from "node:test";
import { Tabs } from "../src/tabs.js";

function tabsIn(window, options = {}) {
  const heard = [];
  const tabs = new Tabs({
    name: "cc_chat_session:chat.test:demo-tenant",
    onStorage: (key) => heard.push(key),
    window,
    locks: undefined,
    ...options,
  });
  return { tabs, heard };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("storage written by other tabs is heard until it is closed", () => {
  const window = new EventTarget();
  const { tabs, heard } = tabsIn(window);
  const store = (key) => window.dispatchEvent(Object.assign(new Event("storage"), { key }));
  store("cc_chat_session");
  tabs.close();
  store("cc_chat_session");
  assert.deepEqual(heard, ["cc_chat_session"]);
});

test("an action has the browser's lock; where there is none it runs all the same, once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const names = [];
  const locks = { request: (name, action) => names.push(name) && action() };
  const refusing = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) };
  for (const each of [locks, refusing, undefined]) {
    let runs = 0;
    const isDone = tabsIn(new EventTarget(), { locks: each }).tabs.exclusively(async () => (runs += 1));
    await settled();
    t.mock.timers.tick(200);
    await isDone;
    assert.equal(runs, 1);
  }
  assert.deepEqual(names, ["cc_chat_session:chat.test:demo-tenant"]);
});

test("the next tab has its turn when what was stored has had the time to get there", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let isFree = false;
  const locks = { request: (name, action) => action().then(() => (isFree = true)) };
  const isDone = tabsIn(new EventTarget(), { locks }).tabs.exclusively(async () => {});
  await settled();
  t.mock.timers.tick(199);
  await settled();
  assert.equal(isFree, false);
  t.mock.timers.tick(1);
  await isDone;
  assert.equal(isFree, true);
});

test("an action that fails is not run again for that", async () => {
  let runs = 0;
  const locks = { request: async (name, action) => action() };
  const failing = async () => {
    runs += 1;
    throw new Error("no");
  };
  await assert.rejects(tabsIn(new EventTarget(), { locks }).tabs.exclusively(failing), /no/);
  assert.equal(runs, 1);
});
