import assert from "node:assert/strict";
import test from "node:test";

import {
  formatAddress,
  narrowed,
  parseAddress,
  sessionsQuery,
} from "../../agents_app/static/agents_app/address.js";

const BASE = "/agent/";
const CHAT = "7f3f6d5c-3c0e-4f0f-9a43-6d1f1f1b7c11";

function parse(address) {
  return parseAddress(BASE, new URL(address, "https://chat.example"));
}

const PLACES = {
  "/agent/": { view: "inbox", chat: null, filters: {} },
  [`/agent/chats/${CHAT}/`]: { view: "inbox", chat: CHAT, filters: {} },
  "/agent/all/": { view: "all", chat: null, filters: {} },
  [`/agent/all/${CHAT}/?agent=7&tag=billing`]: {
    view: "all",
    chat: CHAT,
    filters: { agent: "7", tag: "billing" },
  },
  "/agent/history/": { view: "history", chat: null, filters: {} },
  [`/agent/history/${CHAT}/?q=red+shoes&status=abandoned&reason=idle&stage=missed&from=2026-03-01&page=3`]:
    {
      view: "history",
      chat: CHAT,
      filters: {
        q: "red shoes",
        status: "abandoned",
        reason: "idle",
        stage: "missed",
        from: "2026-03-01",
        page: "3",
      },
    },
  "/agent/history/?q=%D9%85%D8%B1%D8%AD%D8%A8%D8%A7+%26+caf%C3%A9": {
    view: "history",
    chat: null,
    filters: { q: "مرحبا & café" },
  },
  "/agent/messages/?done=true": { view: "messages", chat: null, filters: { done: "true" } },
  "/agent/team/": { view: "team", chat: null, filters: {} },
};

for (const [address, place] of Object.entries(PLACES)) {
  test(`${address} leads to its place and back`, () => {
    assert.deepEqual(parse(address), place);
    assert.equal(formatAddress(BASE, place), address);
  });
}

test("what the console does not show is another page's address", () => {
  for (const path of [
    "login/",
    "reports/",
    "chats/",
    "chats/1/",
    `team/${CHAT}/`,
    `all/${CHAT}/more/`,
    "../admin/",
  ]) {
    assert.equal(parse(`/agent/${path}`), null, path);
  }
  assert.equal(parse("/agents/"), null);
});

test("a query that says nothing, or nothing to this view, is left out", () => {
  assert.deepEqual(parse("/agent/history/?q=++&status=&evil=1&done=true&page=1").filters, {});
  assert.deepEqual(parse("/agent/?q=shoes").filters, {});
  for (const page of ["0", "-1", "1e3", "two", "999999"]) {
    assert.deepEqual(parse(`/agent/history/?page=${page}`).filters, {}, page);
  }
});

test("the same filters make the same address, in whichever order they came", () => {
  const address = "/agent/history/?q=shoes&status=ended&page=2";
  const { view, filters } = parse("/agent/history/?page=2&status=ended&q=shoes");
  assert.equal(formatAddress(BASE, { view, filters }), address);
});

test("a list that is narrowed otherwise starts at its first page and keeps the chat open", () => {
  const place = parse(`/agent/history/${CHAT}/?q=shoes&status=ended&page=4`);
  const without = narrowed(place, { status: "" });
  assert.equal(formatAddress(BASE, without), `/agent/history/${CHAT}/?q=shoes`);
  assert.equal(
    formatAddress(BASE, narrowed(place, { q: "boots" })),
    `/agent/history/${CHAT}/?q=boots&status=ended`,
  );
});

test("a place becomes the question that the server understands", () => {
  assert.equal(
    sessionsQuery(parse("/agent/all/?agent=me&tag=vip&page=2")),
    "open=true&tag=vip&page=2&assigned=me",
  );
  assert.equal(
    sessionsQuery(parse("/agent/history/?q=red+shoes&stage=missed")),
    "history=true&q=red+shoes&stage=missed",
  );
});

test("days are the agent's, from their first moment to their last", () => {
  const query = new URLSearchParams(sessionsQuery(parse("/agent/history/?from=2026-03-01&to=2026-03-02")));
  assert.equal(query.get("from"), new Date(2026, 2, 1).toISOString());
  assert.equal(query.get("to"), new Date(2026, 2, 2, 23, 59, 59, 999).toISOString());
});

test("a day that is none is left for the server to refuse", () => {
  assert.equal(sessionsQuery(parse("/agent/history/?from=tomorrow")), "history=true&from=tomorrow");
});
