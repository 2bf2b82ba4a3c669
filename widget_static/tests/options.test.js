import assert from "node:assert/strict";
import { test } from "node:test";
import { Options } from "../src/options.js";

const POLICY = {
  session_expiry_ms: 1_800_000,
  heartbeat_interval_ms: 30_000,
  disconnect_timeout_ms: 300_000,
};

function given(...options) {
  const result = new Options("https://chat.test");
  for (const each of options) result.give(each);
  return result;
}

test("what the snippet says wins over what the tenant has set up, and that over the defaults", () => {
  const options = given({ tenantId: "demo-tenant", title: "From the snippet" });
  options.configure({ title: "From the tenant", primary_color: "#1f6f54", welcome_message: "" });
  const { title, primaryColor, welcomeMessage, position } = options.look;
  assert.deepEqual(
    [title, primaryColor, welcomeMessage, position],
    ["From the snippet", "#1f6f54", "", "bottom-right"],
  );
});

test("a second init adds to the first", () => {
  const options = given({ tenantId: "demo-tenant", title: "One", subtitle: "kept" }, { title: "Two" });
  assert.deepEqual(
    [options.tenantId, options.look.title, options.look.subtitle],
    ["demo-tenant", "Two", "kept"],
  );
});

test("what cannot be used is as if it had not been given", () => {
  const nonsense = {
    tenantId: 5,
    position: "top",
    title: {},
    sessionExpiry: NaN,
    autoRestore: "no",
    debug: 1,
  };
  const options = given(null, undefined, 5, nonsense, { sessionExpiry: -1 });
  const { position, title } = options.look;
  assert.deepEqual(
    [options.tenantId, position, title, options.sessionExpiry, options.autoRestore],
    [undefined, "bottom-right", given({}).look.title, undefined, true],
  );
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
