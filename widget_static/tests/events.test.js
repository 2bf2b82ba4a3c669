import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { HostEvents } from "../src/events.js";

beforeEach(() => {
  globalThis.window = new EventTarget();
});

test("handlers and the window hear an event; those taken off do not", () => {
  const events = new HostEvents();
  const heard = [];
  const handler = (detail) => heard.push(["handler", detail]);
  events.on("unread", handler);
  window.addEventListener("callcenterchat:unread", ({ detail }) => heard.push(["window", detail]));
  events.emit("unread", { count: 1 });
  assert.deepEqual(heard.splice(0), [
    ["handler", { count: 1 }],
    ["window", { count: 1 }],
  ]);
  events.off("unread", handler);
  events.emit("unread", { count: 2 });
  assert.deepEqual(heard, [["window", { count: 2 }]]);
});

test("off without a handler takes all of the event off", () => {
  const events = new HostEvents();
  const heard = [];
  events.on("open", () => heard.push("open"));
  events.on("close", () => heard.push("close"));
  events.off("open");
  events.emit("open");
  events.emit("close");
  assert.deepEqual(heard, ["close"]);
});

test("who comes after ready hears it at once", () => {
  const events = new HostEvents();
  const heard = [];
  events.emit("ready", { version: "1" });
  events.on("ready", (detail) => heard.push(detail));
  assert.deepEqual(heard, [{ version: "1" }]);
});

test("a handler that throws is reported, and stops nobody", (t) => {
  const events = new HostEvents();
  const reported = t.mock.method(console, "error", () => {});
  const heard = [];
  const mistake = new Error("the page's own mistake");
  events.on("open", () => {
    throw mistake;
  });
  events.on("open", () => heard.push("second"));
  events.emit("open");
  assert.deepEqual(heard, ["second"]);
  assert.deepEqual(reported.mock.calls[0].arguments, [mistake]);
});

test("an event that there is not, and a handler that is none, are refused", () => {
  const events = new HostEvents();
  assert.throws(() => events.on("opened", () => {}), /"opened"/);
  assert.throws(() => events.off("opened"), /"opened"/);
  assert.throws(() => events.on("open", "handler"), TypeError);
});
