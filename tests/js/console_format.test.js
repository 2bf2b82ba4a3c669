import assert from "node:assert/strict";
import test from "node:test";

import {
  describeSpan,
  formatDay,
  formatSize,
  formatSpan,
  formatTime,
  heldText,
  initial,
  invitationText,
  lastLine,
  lastPresenceText,
  othersTypingText,
  overText,
  presenceMark,
  presenceText,
  ratingText,
  safePageUrl,
  shortUrl,
  stageText,
  statusText,
  visitorName,
} from "../../agents_app/static/agents_app/format.js";

const NOW = Date.parse("2026-03-02T12:00:00Z");
const ago = (seconds) => new Date(NOW - seconds * 1000).toISOString();

test("a span counts up like a stopwatch and never runs backwards", () => {
  assert.equal(formatSpan(7_000), "0:07");
  assert.equal(formatSpan(130_999), "2:10");
  assert.equal(formatSpan(3_723_000), "1:02:03");
  assert.equal(formatSpan(-5_000), "0:00");
});

test("a span for a glance drops what does not matter any more", () => {
  assert.equal(describeSpan(45_000), "45 s");
  assert.equal(describeSpan(12 * 60_000 + 59_000), "12 min");
  assert.equal(describeSpan(3 * 3_600_000), "3 h");
  assert.equal(describeSpan(3 * 3_600_000 + 5 * 60_000), "3 h 5 min");
});

test("days are told by the reader's calendar", () => {
  const now = new Date(2026, 2, 2, 0, 30);
  assert.equal(formatDay(new Date(2026, 2, 2, 0, 5), now), "Today");
  assert.equal(formatDay(new Date(2026, 2, 1, 23, 55), now), "Yesterday");
  assert.match(formatDay(new Date(2026, 1, 10), now, "en-GB"), /10 February 2026/);
});

test("a time of day is told as the reader's clocks tell it", () => {
  const early = new Date(2026, 2, 2, 1, 54);
  assert.match(formatTime(early, "en-US"), /^1:54\sAM$/);
  assert.equal(formatTime(early, "en-GB"), "01:54");
  assert.equal(formatTime(early, "de"), "01:54");
  assert.equal(formatTime(early, "es"), "1:54");
});

test("a visitor without a name is called by the reference", () => {
  assert.equal(visitorName({ customer_name: "Vera", conversation_id: "K7Q2-9FXM" }), "Vera");
  assert.equal(initial({ customer_name: "émile" }), "É");
  assert.equal(initial({ customer_name: null }), "#");
  assert.equal(visitorName({ customer_name: "  ", conversation_id: "K7Q2-9FXM" }), "K7Q2-9FXM");
});

test("the last line is one line, and says when an agent wrote it", () => {
  const message = { sender_type: "visitor", sender_name: "Vera", body: "\nHello\nthere" };
  assert.equal(lastLine({ last_text: message }), "Hello");
  assert.equal(
    lastLine({ last_text: { ...message, sender_type: "agent", sender_name: "Alice" } }),
    "Alice: Hello",
  );
  const system = { ...message, sender_type: "system", body: "The visitor ended the chat" };
  assert.equal(lastLine({ last_text: message, last_message: system }), "Hello", "not how it ended");
  assert.equal(lastLine({ last_text: null, last_message: system }), "");
});

test("presence is told in words, with the time until the sweep", () => {
  const gone = (seconds) => {
    return { status: "active", presence: "gone", last_seen_at: ago(seconds), disconnect_timeout_ms: 300_000 };
  };
  assert.equal(presenceText({ ...gone(0), presence: "online" }, NOW), "Online");
  assert.equal(presenceText({ ...gone(0), presence: "away" }, NOW), "Away (tab hidden)");
  assert.equal(presenceText(gone(130), NOW), "Gone for 2:10, will be abandoned at 5:00");
  assert.equal(presenceText(gone(370), NOW), "Gone for 6:10, about to be abandoned");
  assert.equal(presenceText({ ...gone(370), status: "abandoned" }, NOW), "Last seen 6 min ago");
  assert.equal(presenceText({ ...gone(0), last_seen_at: null }, NOW), "Gone");
});

test("a console that is cut off tells what was, and counts nothing of what it cannot know", () => {
  const held_until = new Date(NOW + 60_000).toISOString();
  const gone = { status: "active", presence: "gone", last_seen_at: ago(130), disconnect_timeout_ms: 300_000 };
  assert.equal(lastPresenceText(gone, NOW), "Was gone");
  assert.equal(lastPresenceText({ ...gone, presence: "online" }, NOW), "Was online");
  assert.equal(lastPresenceText({ ...gone, presence: "away" }, NOW), "Was away (tab hidden)");
  const held = lastPresenceText({ ...gone, presence: "online", held_until }, NOW, "en-GB");
  assert.equal(held, `Was online, held open until ${formatTime(held_until, "en-GB")}`);
  assert.equal(lastPresenceText({ ...gone, status: "ended" }, NOW), "Last seen 2 min ago");
});

test("a chat that is held tells the time before which no rule takes it, and not an earlier one", () => {
  const until = (seconds) => new Date(NOW + seconds * 1000).toISOString();
  const shown = (fields) => presenceText({ status: "active", disconnect_timeout_ms: 300_000, ...fields }, NOW, "en-GB");
  const clock = (seconds) => formatTime(until(seconds), "en-GB");
  const gone = { presence: "gone", last_seen_at: ago(130) };
  assert.equal(shown({ ...gone, held_until: until(3600) }), `Gone for 2:10, held open until ${clock(3600)}`);
  assert.equal(
    shown({ ...gone, last_seen_at: ago(4000), held_until: until(60) }),
    `Gone for 1:06:40, held open until ${clock(60)}`,
  );
  assert.equal(
    shown({ ...gone, held_until: until(60) }),
    "Gone for 2:10, will be abandoned at 5:00",
    "the hold ends before that",
  );
  const here = { presence: "online", last_seen_at: ago(0) };
  assert.equal(shown({ ...here, held_until: until(3600) }), `Online, held open until ${clock(3600)}`);
  assert.equal(shown({ ...here, held_until: until(0) }), "Online", "over by itself");
  assert.equal(heldText({ status: "ended", held_until: until(3600) }, NOW), "", "nothing holds what is over");
});

test("the last seconds are counted from the website's warning time on, and not before a hold is over", () => {
  const until = (seconds) => new Date(NOW + seconds * 1000).toISOString();
  const idle = { status: "queued", presence: "online", last_seen_at: ago(0), expiry_warning_ms: 30_000 };
  const shown = (left, fields) => presenceText({ ...idle, expires_at: until(left), ...fields }, NOW);
  assert.equal(shown(75), "Online");
  assert.equal(shown(30), "Online, idle: will be closed in 0:30");
  assert.equal(shown(95, { expiry_warning_ms: 120_000 }), "Online, idle: will be closed in 1:35");
  assert.equal(shown(30, { presence: "away" }), "Away (tab hidden), idle: will be closed in 0:30");
  assert.equal(shown(0), "Online");
  assert.equal(shown(30, { expires_at: null }), "Online");
  assert.match(shown(10, { held_until: until(3600) }), /^Online, held open until/);
  assert.equal(shown(10, { held_until: until(20) }), "Online, idle: will be closed in 0:20");
});

test("a row tells in a few words what is about to take the chat, and nothing while all is well", () => {
  const until = (seconds) => new Date(NOW + seconds * 1000).toISOString();
  const shown = (fields) =>
    presenceMark(
      { status: "active", disconnect_timeout_ms: 300_000, expiry_warning_ms: 120_000, ...fields },
      NOW,
    );
  const gone = (seconds) => ({ presence: "gone", last_seen_at: ago(seconds) });
  assert.equal(shown({ ...gone(0), presence: "online" }), "");
  assert.equal(shown({ ...gone(0), presence: "away" }), "");
  assert.equal(shown(gone(171)), "gone 2:51 of 5:00");
  assert.equal(shown(gone(370)), "gone 6:10");
  assert.equal(shown({ ...gone(171), held_until: until(3600) }), "gone", "the hold says until when");
  assert.equal(shown({ ...gone(171), held_until: until(60) }), "gone 2:51 of 5:00");
  assert.equal(shown({ presence: "gone", last_seen_at: null }), "gone");
  assert.equal(shown({ ...gone(370), status: "abandoned" }), "");
  assert.equal(shown({ ...gone(0), presence: "online", expires_at: until(82) }), "closes in 1:22");
  assert.equal(shown({ ...gone(0), presence: "away", expires_at: until(121) }), "");
});

test("an end and an abandonment are explained", () => {
  assert.equal(overText({ status: "active", reason: null }), "");
  assert.equal(overText({ status: "ended", reason: "agent", agent_name: "Bob" }), "Bob ended this chat.");
  assert.match(overText({ status: "abandoned", reason: "disconnected" }), /left and did not come back/);
  assert.equal(overText({ status: "ended", reason: "from_the_future" }), "This chat is over.");
  assert.match(stageText({ status: "abandoned", stage: "missed" }), /never answered/);
  assert.equal(stageText({ status: "ended", stage: "missed" }), "");
});

test("an abandoned chat is not called over while its visitor may come back", () => {
  // In the reader's own time: where that day begins between two of these, the earlier one is told with its day.
  const session = {
    status: "abandoned",
    reason: "disconnected",
    closed_at: "2026-03-02T02:03:00",
    last_seen_at: "2026-03-02T01:54:00",
    restorable_until: "2026-03-02T02:24:00",
  };
  const at = (iso) => overText(session, Date.parse(iso), "en-GB");
  const time = (iso) => formatTime(iso, "en-GB");
  assert.equal(
    at("2026-03-02T02:05:00"),
    `Abandoned at ${time(session.closed_at)}: the visitor has been gone since ${time(session.last_seen_at)}.` +
      ` The chat comes back if the visitor returns by ${time(session.restorable_until)}.`,
  );
  assert.match(at("2026-03-02T02:24:00"), /did not come back in time/);
  session.restorable_until = null;
  assert.match(at("2026-03-02T02:05:00"), /did not come back in time/);
  session.restorable_until = "2026-03-09T02:24:00";
  assert.match(at("2026-03-02T02:05:00"), /returns by 9 Mar, 02:24/);
});

test("the panel says whose chat it is", () => {
  assert.equal(statusText({ status: "active", assigned_to_id: 7, agent_name: "Alice" }, 7), "With you");
  assert.equal(statusText({ status: "active", assigned_to_id: 8, agent_name: "Bob" }, 7), "With Bob");
  assert.equal(statusText({ status: "queued", waiting_since: ago(5) }, 7), "Waiting in the queue");
  assert.equal(statusText({ status: "queued", waiting_since: null }, 7), "Has not written yet");
  assert.equal(statusText({ status: "abandoned" }, 7), "Abandoned");
  assert.equal(statusText({ status: "ended" }, 7), "Ended");
});

test("sizes are told in the unit that fits", () => {
  assert.deepEqual([1, 48_213, 999_499, 10_485_760].map(formatSize), ["1 kB", "48 kB", "999 kB", "10.5 MB"]);
});

test("only web pages become links", () => {
  assert.equal(safePageUrl("https://shop.example/cart?x=1"), "https://shop.example/cart?x=1");
  for (const address of [
    "javascript:alert(1)",
    "data:text/html,x",
    "jav\tascript:alert(1)",
    "//shop",
    "",
    null,
  ]) {
    assert.equal(safePageUrl(address), null, String(address));
  }
  assert.equal(shortUrl("https://shop.example/cart?x=1"), "shop.example/cart");
  assert.equal(shortUrl("https://shop.example/"), "shop.example");
});

test("all is quiet only where neither the queue nor a chat of mine waits", () => {
  assert.match(invitationText({ unanswered: 0, queued: 0 }).join(". "), /^All quiet\. Nobody is waiting\./);
  assert.match(invitationText({ unanswered: 0, queued: 3 }).join(". "), /waited longest/);
  assert.equal(invitationText({ unanswered: 1, queued: 3 })[1], "Of your chats, 1 needs an answer.");
  assert.equal(invitationText({ unanswered: 2, queued: 0 })[1], "Of your chats, 2 need an answer.");
});

test("who else writes is called by name, up to two", () => {
  assert.equal(othersTypingText([], true), "");
  assert.equal(othersTypingText(["Bob"], false), "Bob is typing in this chat.");
  assert.equal(othersTypingText(["Bob", "Eve"], true), "Bob and Eve are typing in this chat, too.");
  assert.equal(othersTypingText(["Bob", "Eve", "Dan"], false), "3 colleagues are typing in this chat.");
});

test("a rating is told with its comment", () => {
  assert.equal(ratingText({ rating: null }), "");
  assert.equal(ratingText({ rating: { score: 4, comment: "" } }), "4 of 5");
  assert.equal(ratingText({ rating: { score: 2, comment: "Too slow" } }), "2 of 5: Too slow");
});
