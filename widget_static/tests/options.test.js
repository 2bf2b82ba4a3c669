import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Options, optionsOf } from "../src/options.js";

const POLICY = {
  session_expiry_ms: 1_800_000,
  heartbeat_interval_ms: 30_000,
  disconnect_timeout_ms: 300_000,
};

function given(...options) {
  const result = new Options("https://chat.test", (text) => complaints.push(text));
  for (const each of options) result.give(each);
  return result;
}

const complaints = [];

beforeEach(() => complaints.splice(0));

test("what the snippet says wins over what the tenant has set up", () => {
  const options = given({ tenantId: "demo-tenant", title: "From the snippet" });
  options.configure({ title: "From the tenant", primary_color: "#1f6f54", welcome_message: "", position: 5 });
  const names = ["title", "primaryColor", "welcomeMessage", "position"];
  assert.deepEqual(
    names.map((name) => options.get(name)),
    ["From the snippet", "#1f6f54", "", undefined],
  );
  assert.deepEqual(complaints, [], "the site's developer can do nothing about the tenant's settings");
});

test("a second init adds to the first", () => {
  const options = given({ tenantId: "demo-tenant", title: "One", subtitle: "kept" }, { title: "Two" });
  assert.deepEqual(
    [options.tenantId, options.get("title"), options.get("subtitle")],
    ["demo-tenant", "Two", "kept"],
  );
});

test("what cannot be used is named, and is as if it had not been given", () => {
  const nonsense = {
    tenantId: 5,
    position: "top",
    title: {},
    sessionExpiry: NaN,
    autoRestore: "no",
    zIndex: 1.5,
    container: {},
    theme: "pink",
    strings: ["Open"],
    colour: "red",
  };
  const options = given(
    null,
    undefined,
    5,
    "x",
    nonsense,
    { toString: 1 },
    { sessionExpiry: -1, debug: null },
  );
  for (const name of Object.keys(nonsense)) assert.equal(options.get(name), undefined);
  assert.deepEqual(complaints, [
    '"tenantId" cannot be 5',
    '"position" cannot be "top"',
    '"title" cannot be {}',
    '"sessionExpiry" cannot be null',
    '"autoRestore" cannot be "no"',
    '"zIndex" cannot be 1.5',
    '"container" cannot be {}',
    '"theme" cannot be "pink"',
    '"strings" cannot be ["Open"]',
    '"colour" is unknown',
    '"toString" is unknown',
    '"sessionExpiry" cannot be -1',
  ]);
});

test("every option can stand in a data attribute of the script", () => {
  const dataset = {
    tenantId: "demo-tenant",
    position: "bottom-left",
    title: "5",
    sessionExpiry: "600000",
    autoRestore: "false",
    zIndex: "10",
    container: "#here",
    strings: '{"send": "Off it goes"}',
    launcher: "maybe",
    somethingElse: "of the page",
  };
  const options = given(optionsOf(dataset));
  const wished = { ...dataset, sessionExpiry: 600_000, autoRestore: false, zIndex: 10 };
  delete wished.launcher;
  delete wished.somethingElse;
  wished.strings = { send: "Off it goes" };
  for (const [name, value] of Object.entries(wished)) assert.deepEqual(options.get(name), value, name);
  assert.deepEqual(complaints, ['"launcher" cannot be "maybe"']);
  assert.equal(given(optionsOf({})).tenantId, undefined);
});

test("who the visitor is can be told bit by bit", () => {
  const options = given({});
  assert.equal(options.visitor, null);
  options.identify({ name: "Vera" });
  options.identify({ email: "vera@shop.test", name: 5, age: 30 });
  assert.deepEqual(options.visitor, { name: "Vera", email: "vera@shop.test" });
  options.identify({ email: "nobody" });
  assert.equal(options.visitor.email, "vera@shop.test");
  assert.deepEqual(complaints, ['"name" cannot be 5', '"age" is unknown', '"email" cannot be "nobody"']);
});

test("the API is where the script comes from, or where the snippet says", () => {
  const roots = { "": "https://chat.test", "/": "https://chat.test", "/chat/": "https://chat.test/chat" };
  roots["http://localhost:8000"] = "http://localhost:8000";
  roots["https://other.test/chat/?x#y"] = "https://other.test/chat";
  for (const [apiUrl, root] of Object.entries(roots)) assert.equal(given({ apiUrl }).apiRoot, root);
  assert.equal(given({}).apiRoot, "https://chat.test");
  for (const apiUrl of ["javascript:alert(1)", "ftp://chat.test", "https://"]) {
    assert.throws(() => given({ apiUrl }).apiRoot, TypeError);
  }
});

test("BS15 a heartbeat is never faster than 10 s, nor so slow that the visitor seems gone", () => {
  const every = (heartbeatInterval, policy = POLICY) =>
    given({ heartbeatInterval }).heartbeatInterval(policy);
  assert.equal(every(1), 10_000);
  assert.equal(every(20_000), 20_000);
  assert.equal(every(1e12), 100_000);
  assert.equal(every(undefined), 30_000);
  assert.equal(every(undefined, undefined), 30_000);
  assert.equal(every(undefined, { ...POLICY, heartbeat_interval_ms: 15_000 }), 15_000);
});

test("the console log can be switched off", (t) => {
  const log = t.mock.method(console, "log", () => {});
  given({}).log("one");
  given({ debug: false }).log("two");
  assert.deepEqual(
    log.mock.calls.map(({ arguments: [text] }) => text),
    ["one"],
  );
});
