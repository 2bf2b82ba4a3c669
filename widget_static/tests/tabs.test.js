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

test("storage written by other tabs is heard until it is closed", () => {
  const window = new EventTarget();
  const { tabs, heard } = tabsIn(window);
  const store = (key) => window.dispatchEvent(Object.assign(new Event("storage"), { key }));
  store("cc_chat_session");
  tabs.close();
  store("cc_chat_session");
  assert.deepEqual(heard, ["cc_chat_session"]);
});

test("an action has the browser's lock; where there is none it runs all the same, once", async () => {
  const names = [];
  const locks = { request: (name, action) => names.push(name) && action() };
  const refusing = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) };
  for (const each of [locks, refusing, undefined]) {
    let runs = 0;
    assert.equal(await tabsIn(new EventTarget(), { locks: each }).tabs.exclusively(() => (runs += 1)), 1);
  }
  assert.deepEqual(names, ["cc_chat_session:chat.test:demo-tenant"]);
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
