import assert from "node:assert/strict";
import { test } from "node:test";
import { Tabs } from "../src/tabs.js";

function tabsIn(window, options = {}) {
  const heard = [];
  const tabs = new Tabs({
    name: "cc_chat_session:chat.test:demo-tenant",
    onHint: (hint) => heard.push(hint),
    onStorage: (key) => heard.push(key),
    window,
    locks: undefined,
    ...options,
  });
  return { tabs, heard };
}

class Channel {
  static all = [];

  constructor(name) {
    Object.assign(this, { name, posted: [], isClosed: false });
    Channel.all.push(this);
  }

  postMessage(data) {
    if (this.isClosed) throw new DOMException("closed", "InvalidStateError");
    this.posted.push(data);
  }

  close() {
    this.isClosed = true;
  }
}

const windowWith = (fields) => Object.assign(new EventTarget(), fields);

test("hints and storage changes of other tabs are heard until it is closed", () => {
  const window = windowWith({ BroadcastChannel: Channel });
  const { tabs, heard } = tabsIn(window);
  const channel = Channel.all.at(-1);
  const store = (key) => window.dispatchEvent(Object.assign(new Event("storage"), { key }));
  for (const data of ["x", null, 5, { type: "started" }]) channel.onmessage({ data });
  store("cc_chat_session");
  assert.deepEqual(heard, [{ type: "started" }, "cc_chat_session"]);

  tabs.post({ type: "started" });
  tabs.close();
  store("cc_chat_session");
  tabs.post({ type: "started" });
  assert.equal(heard.length, 2);
  assert.deepEqual(channel.posted, [{ type: "started" }]);
});

test("without BroadcastChannel the tab is on its own, and nothing throws", () => {
  const { tabs } = tabsIn(windowWith({}));
  tabs.post({ type: "started" });
  tabs.close();
});

test("an action has the browser's lock; where there is none it runs all the same, once", async () => {
  const names = [];
  const locks = { request: (name, action) => names.push(name) && action() };
  const refusing = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) };
  for (const each of [locks, refusing, undefined]) {
    let runs = 0;
    assert.equal(await tabsIn(windowWith({}), { locks: each }).tabs.exclusively(() => (runs += 1)), 1);
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
  await assert.rejects(tabsIn(windowWith({}), { locks }).tabs.exclusively(failing), /no/);
  assert.equal(runs, 1);
});
