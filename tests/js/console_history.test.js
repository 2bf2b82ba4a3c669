import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { shortDay, shortWhy } from "../../agents_app/static/agents_app/format.js";
import { concerns, countText, rowNote, withNews } from "../../agents_app/static/agents_app/history.js";
import { Latest } from "../../agents_app/static/agents_app/latest.js";
import { answerAddress } from "../../agents_app/static/agents_app/offline.js";
import { queueLength } from "../../agents_app/static/agents_app/rail.js";
import {
  loadText,
  moreText,
  sortedAgents,
  stateText,
  waitingOf,
} from "../../agents_app/static/agents_app/team.js";

const NOW = Date.parse("2026-03-02T12:00:00Z");
const ago = (seconds) => new Date(NOW - seconds * 1000).toISOString();

/** A server whose answers come when, and in the order in which, the test lets them. */
function slowServer() {
  const calls = [];
  const latest = new Latest({
    ask: (question) => new Promise((resolve, reject) => calls.push({ question, resolve, reject })),
    onChange: () => {},
  });
  return { calls, latest };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

// One question at a time

test("a late answer never replaces a newer one", async () => {
  const { calls, latest } = slowServer();
  latest.ask("sho");
  latest.ask("shoes");
  calls[1].resolve("answer to shoes");
  await settled();
  calls[0].resolve("answer to sho");
  await settled();
  assert.equal(latest.answer, "answer to shoes");
  assert.ok(latest.isCurrent);
  assert.ok(!latest.isPending);
});

test("a late failure neither", async () => {
  const { calls, latest } = slowServer();
  latest.ask("sho");
  latest.ask("shoes");
  calls[0].reject(new Error("late"));
  await settled();
  assert.equal(latest.problem, null);
  assert.ok(latest.isPending);
});

test("what is shown stays until the next answer comes, and is known to be another question's", async () => {
  const { calls, latest } = slowServer();
  latest.ask("a");
  calls[0].resolve("answer to a");
  await settled();
  latest.ask("b");
  assert.equal(latest.answer, "answer to a");
  assert.ok(!latest.isCurrent);
});

test("a failure takes away what answers another question, and keeps what answers this one", async () => {
  const { calls, latest } = slowServer();
  latest.ask("a");
  calls[0].resolve("answer to a");
  await settled();
  latest.again();
  calls[1].reject(new Error("down"));
  await settled();
  assert.equal(latest.problem.message, "down");
  assert.equal(latest.answer, "answer to a");
  latest.ask("b");
  assert.equal(latest.problem, null);
  calls[2].reject(new Error("still down"));
  await settled();
  assert.equal(latest.answer, null);
});

test("asking again waits for the answer that is on its way: a slow server gets one shown", async () => {
  const { calls, latest } = slowServer();
  latest.ask("a");
  latest.again();
  latest.again();
  assert.equal(calls.length, 1);
  calls[0].resolve("first");
  await settled();
  assert.equal(latest.answer, "first");
  assert.equal(calls.length, 2);
  calls[1].resolve("second");
  await settled();
  assert.equal(latest.answer, "second");
  assert.equal(calls.length, 2);
});

test("many reasons to ask again are one call", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { calls, latest } = slowServer();
  latest.ask("a");
  calls[0].resolve("first");
  await settled();
  for (let event = 0; event < 100; event += 1) latest.againSoon();
  assert.equal(calls.length, 1);
  context.mock.timers.tick(1000);
  assert.equal(calls.length, 2);
});

test("nobody looks any more: nothing is asked, and nothing that comes is taken", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { calls, latest } = slowServer();
  latest.ask("a");
  latest.againSoon();
  latest.rest();
  calls[0].resolve("too late");
  await settled();
  context.mock.timers.tick(5000);
  latest.again();
  latest.againSoon();
  context.mock.timers.tick(5000);
  assert.equal(latest.answer, null);
  assert.equal(calls.length, 1);
});

// Rows

const OPEN = { session_id: "a", status: "active", assigned_to_id: 8, agent_name: "Bob", last_seq: 3 };
const CLOSED = { session_id: "b", status: "ended", reason: "visitor", stage: null, last_seq: 5 };

test("a closed chat says why, and how far an abandoned one had come", () => {
  assert.equal(rowNote(CLOSED, 7), "Ended by the visitor");
  assert.equal(shortWhy({ ...CLOSED, reason: "agent", agent_name: "Bob" }), "Ended by Bob");
  const left = { status: "abandoned", reason: "disconnected", stage: "waiting_for_agent" };
  assert.equal(shortWhy(left), "Left, waiting for an answer");
  assert.equal(
    shortWhy({ status: "abandoned", reason: "idle", stage: "missed" }),
    "Inactive, never answered",
  );
  assert.equal(shortWhy({ status: "abandoned", reason: "unheard_of", stage: "" }), "Over");
});

test("reasons and stages are called in rows what filters, reports and admin call them", () => {
  // tests/test_console_pages.py asks the server the same.
  const { reasons, stages } = JSON.parse(
    readFileSync(new URL("../vectors/words.json", import.meta.url), "utf8"),
  );
  for (const [reason, words] of Object.entries(reasons)) {
    assert.equal(shortWhy({ status: "ended", reason }), words);
  }
  for (const [stage, words] of Object.entries(stages)) {
    const session = { status: "abandoned", reason: "idle", stage };
    assert.equal(shortWhy(session), `Inactive, ${words.toLowerCase()}`);
  }
});

test("an open chat says who has it", () => {
  assert.equal(rowNote(OPEN, 7), "With Bob");
  assert.equal(rowNote(OPEN, 8), "With you");
});

test("when it was is as short as it can be told", () => {
  const now = new Date(2026, 2, 2, 12);
  assert.match(shortDay(new Date(2026, 2, 2, 9, 5), now, "en-GB"), /^09:05$/);
  assert.equal(shortDay(new Date(2026, 2, 1, 9), now, "en-GB"), "Yesterday");
  assert.equal(shortDay(new Date(2026, 0, 12), now, "en-GB"), "12 Jan");
  assert.equal(shortDay(new Date(2025, 0, 12), now, "en-GB"), "12 Jan 2025");
});

test("the number of results is told as far as it is counted", () => {
  assert.equal(countText({ total: 0 }), "0 chats");
  assert.equal(countText({ total: 1 }), "1 chat");
  assert.equal(countText({ total: 1000, is_capped: true }), "1,000+ chats");
});

// News of what is on the page

const answer = { sessions: [OPEN, CLOSED], total: 2 };
const idsAfter = (type, payload) =>
  withNews(answer, type, payload).sessions.map((session) => session.session_id);

test("a chat that closes leaves the open ones, and one that is reopened the history", () => {
  assert.deepEqual(idsAfter("session.changed", { session: { ...OPEN, status: "ended", last_seq: 4 } }), [
    "b",
  ]);
  assert.deepEqual(idsAfter("session.changed", { session: { ...CLOSED, status: "queued", last_seq: 6 } }), [
    "a",
  ]);
});

test("a chat that changes hands does so in its place", () => {
  const changed = withNews(answer, "session.changed", {
    session: { ...OPEN, agent_name: "Alice", last_seq: 4 },
  });
  assert.equal(changed.sessions[0].agent_name, "Alice");
  assert.equal(changed.sessions[1], CLOSED);
});

test("presence and the last message are told in the row", () => {
  const gone = { session_id: "a", presence: "gone", last_seen_at: ago(10) };
  assert.equal(withNews(answer, "session.presence", gone).sessions[0].presence, "gone");
  const message = { session_id: "a", seq: 4, body: "Hello?" };
  assert.equal(withNews(answer, "chat.message.new", { message }).sessions[0].last_message, message);
  assert.equal(withNews(answer, "chat.message.new", { message }).sessions[0].last_text, message);
  const system = { ...message, sender_type: "system" };
  const [changed] = withNews(answer, "chat.message.new", { message: system }).sessions;
  assert.deepEqual([changed.last_message, changed.last_text], [system, answer.sessions[0].last_text]);
});

test("what is older than the row, or about none of them, changes nothing", () => {
  const older = { ...OPEN, status: "queued", last_seq: 2 };
  assert.equal(withNews(answer, "session.changed", { session: older }), answer);
  assert.equal(withNews(answer, "session.changed", { session: { ...OPEN, session_id: "c" } }), answer);
  assert.equal(withNews(answer, "pong", { sessions: [] }), answer);
});

test("the history is searched again only for what is over, or has just left it", () => {
  const stranger = { ...OPEN, session_id: "c" };
  assert.ok(!concerns("history", answer, stranger));
  assert.ok(!concerns("history", null, stranger));
  assert.ok(concerns("history", answer, { ...stranger, status: "abandoned" }));
  assert.ok(concerns("history", answer, { ...CLOSED, status: "queued" }));
  assert.ok(concerns("all", answer, stranger));
});

test("the queue's length is the live list's, unless that was cut off", () => {
  assert.equal(queueLength(3, 9), 3);
  assert.equal(queueLength(200, 734), 734);
  assert.equal(queueLength(200, 12), 200);
});

// The team

test("whoever can help stands first", () => {
  const agents = [
    { id: 1, name: "Carl", state: "offline" },
    { id: 2, name: "Bob", state: "online" },
    { id: 3, name: "Ada", state: "away" },
    { id: 4, name: "Alice", state: "online" },
  ];
  assert.deepEqual(
    sortedAgents(agents).map(({ name }) => name),
    ["Alice", "Bob", "Ada", "Carl"],
  );
});

test("an agent's chats are told with the room for them", () => {
  assert.equal(loadText({ load: 0, capacity: null }), "0 chats");
  assert.equal(loadText({ load: 1, capacity: null }), "1 chat");
  assert.equal(loadText({ load: 3, capacity: 5 }), "3 of 5 chats");
});

test("whoever is not there was last seen some time ago, or never", () => {
  assert.equal(stateText({ state: "away", last_seen_at: ago(5) }, NOW), "Away");
  assert.equal(stateText({ state: "offline", last_seen_at: ago(720) }, NOW), "Offline, last seen 12 min ago");
  assert.equal(stateText({ state: "offline", last_seen_at: null }, NOW), "Never here");
});

test("the longest wait stands first, whoever has the chat", () => {
  const sessions = [
    { session_id: "a", waiting_since: ago(10) },
    { session_id: "b", waiting_since: null },
    { session_id: "c", waiting_since: ago(90) },
  ];
  assert.deepEqual(
    waitingOf(sessions).map((session) => session.session_id),
    ["c", "a"],
  );
});

test("who waits behind the first page is counted, where only those who wait stand on it", () => {
  const queued = { status: "queued", presence: "online", waiting_since: ago(90) };
  const bobs = { status: "active", presence: "online", waiting_since: ago(30) };
  const page = { sessions: [queued, bobs], pages: 2, counts: { queue: 8 } };
  assert.equal(moreText(page), "and 7 more in the queue");
  assert.equal(moreText({ ...page, pages: 1 }), "");
  assert.equal(moreText({ ...page, sessions: [queued, { ...bobs, waiting_since: null }] }), "");
  // Those who have left stand on the page, but in no queue.
  assert.equal(moreText({ ...page, sessions: [{ ...queued, presence: "gone" }] }), "and 8 more in the queue");
  assert.equal(moreText({ ...page, counts: { queue: 1 } }), "and more");
});

// An answer by e-mail

const LEFT = {
  email: "vera@example.com",
  name: "Vera",
  body: "Hello,\nwhere is it?",
  tenant_name: "Demo & Co",
};

function mail(message) {
  const url = new URL(answerAddress(message));
  const fields = new URLSearchParams(url.search.replaceAll("+", "%2B"));
  return { to: decodeURIComponent(url.pathname), subject: fields.get("subject"), body: fields.get("body") };
}

test("the answer goes to the visitor and quotes what they wrote", () => {
  assert.deepEqual(mail(LEFT), {
    to: "vera@example.com",
    subject: "Your message to Demo & Co",
    body: "Hello Vera,\r\n\r\n\r\n\r\n> Hello,\r\n> where is it?",
  });
});

test("an e-mail address cannot add recipients or a text of its own", () => {
  const sly = mail({ ...LEFT, email: "a?bcc=b@evil.example&body=x@example.com" });
  assert.equal(sly.to, "a?bcc=b@evil.example&body=x@example.com");
  assert.equal(sly.subject, "Your message to Demo & Co");
  assert.doesNotMatch(answerAddress({ ...LEFT, email: "a?bcc=b@evil.example" }), /[?&]bcc=/);
});

test("a long text is quoted as far as mail programs take it, between two characters", () => {
  const address = answerAddress({ ...LEFT, body: "😀".repeat(4000) });
  assert.ok(address.length <= 1900);
  assert.match(mail({ ...LEFT, body: "😀".repeat(4000) }).body, /> (😀)+…$/u);
});
