import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Unseen } from "../../agents_app/static/agents_app/unseen.js";
import {
  ALICE,
  BOB,
  at,
  message,
  newState,
  opened,
  pass,
  pong,
  ready,
  renew,
  seqs,
  setClock,
  state,
  summary,
  told,
  withAgent,
} from "./console_world.js";

beforeEach(() => renew());

// What belongs to a chat beside its newest messages: notes, the visitor's goings, tags, older pages

const NOTE_ID = "00000000-0000-4000-8000-00000000000a";
const note = (id, after_seq, fields = {}) => ({
  session_id: id,
  client_message_id: NOTE_ID,
  author_id: BOB.id,
  author_name: "Bob",
  body: "Watch out",
  after_seq,
  created_at: at(after_seq),
  ...fields,
});
const left = (after_seq, seconds) => ({ kind: "left", at: at(seconds), after_seq, gone_since: null });
const back = (after_seq, seconds, since) => ({
  kind: "back",
  at: at(seconds),
  after_seq,
  gone_since: at(since),
});
const page = (seconds, url) => ({
  kind: "page",
  at: at(seconds),
  after_seq: 0,
  url,
  title: "",
  gone_since: null,
});
const range = (id, first, last) =>
  Array.from({ length: last - first + 1 }, (_, index) => message(id, first + index));

function longChat(first, last) {
  const session = summary("a", withAgent(ALICE, { last_seq: last, last_message: message("a", last) }));
  ready([session]);
  state.open("a");
  opened("a", session, range("a", first, last), { resume: "resync", has_more: first > 1 });
  return session;
}

test("a long chat shows its newest page first, and the pages before one by one when asked", () => {
  longChat(1901, 2000);
  assert.deepEqual([seqs("a").length, seqs("a")[0]], [100, 1901]);
  const before = { type: "chat.history", payload: { session_id: "a", before_seq: 1901, limit: 100 } };
  assert.deepEqual(state.older(), [before]);
  assert.equal(state.isLoadingOlder, true);
  assert.deepEqual(state.older(), [], "asked once from each place");
  assert.deepEqual(state.apply("chat.history", { session_id: "a", messages: range("a", 1801, 1900) }), []);
  assert.equal(state.isLoadingOlder, false);
  assert.equal(state.older()[0].payload.before_seq, 1801);
  state.disconnected();
  assert.equal(state.older()[0].payload.before_seq, 1801, "asked anew on the next socket");
  state.apply("error", { code: "busy", message: "Later.", session_id: "a" });
  assert.equal(state.older()[0].payload.before_seq, 1801, "and after a refusal");
});

test("the beginning of a chat has nothing before it", () => {
  longChat(1, 3);
  assert.deepEqual(state.older(), []);
  state.close();
  assert.deepEqual(state.older(), []);
});

test("whatever order pages and messages come in, the transcript has no hole", () => {
  longChat(101, 200);
  state.older();
  state.apply("chat.message.new", { message: message("a", 202) });
  state.apply("chat.history", { session_id: "a", messages: range("a", 1, 100) });
  state.apply("chat.history", { session_id: "a", messages: range("a", 201, 202) });
  assert.deepEqual(
    seqs("a"),
    range("a", 1, 202).map(({ seq }) => seq),
  );
});

test("a message that arrives before its chat was ever opened does not hide the newest page", () => {
  state.restoreOutboxes({ a: [] });
  ready([summary("a", withAgent(ALICE, { last_seq: 300 }))]);
  state.apply("chat.message.new", { message: message("a", 301) });
  assert.equal(state.open("a")[0].payload.after_seq, null);
  opened("a", summary("a", withAgent(ALICE, { last_seq: 301 })), range("a", 202, 301), { resume: "resync" });
  assert.deepEqual([seqs("a")[0], seqs("a").at(-1)], [202, 301]);
  assert.deepEqual(state.apply("session.changed", { session: state.summary("a") }), [], "nothing is missing");
});

test("notes, leavings and returns stand at their places, those before the first message shown do not", () => {
  const session = longChat(51, 60);
  opened("a", session, [], {
    notes: [note("a", 40), note("a", 55, { client_message_id: "n2" })],
    trail: [left(55, 54), back(58, 58, 54)],
  });
  const places = () => state.asides.map(({ kind, after_seq }) => `${kind} ${after_seq}`);
  assert.deepEqual(places(), ["left 55", "note 55", "back 58"]);
  state.apply("note.new", { note: note("a", 60, { client_message_id: "n3" }) });
  state.apply("trail.new", { session_id: "a", entry: left(60, 61) });
  assert.deepEqual(places(), ["left 55", "note 55", "back 58", "note 60", "left 60"]);
  state.apply("chat.history", { session_id: "a", messages: range("a", 1, 50) });
  assert.equal(places()[0], "note 40");
});

test("a note goes from writing to the transcript once, whoever tells of it first", () => {
  longChat(1, 2);
  state.queueNote("a", "Watch out", NOTE_ID);
  assert.deepEqual(
    state.noteOutboxes.a.map(({ state: one }) => one),
    ["sending"],
  );
  state.apply("note.new", { note: note("a", 2) });
  state.apply("note.new", { note: note("a", 2) });
  assert.deepEqual(state.noteOutboxes, {});
  assert.equal(state.asides.length, 1);
  assert.equal(state.summary("a").last_seq, 2, "a note is no message");
  assert.deepEqual(state.apply("note.new", { note: note("never opened", 1) }), []);
});

test("a colleague's note in a chat that is not open is marked until it is opened", () => {
  ready([summary("a", withAgent(ALICE)), summary("b")]);
  state.apply("note.new", { note: note("a", 1) });
  state.apply("note.new", { note: note("b", 1, { author_id: ALICE.id }) });
  assert.deepEqual([state.hasUnseenNote("a"), state.hasUnseenNote("b")], [true, false]);
  state.open("a");
  opened("a", summary("a", withAgent(ALICE)), [message("a", 1)], { notes: [note("a", 1)] });
  state.apply("note.new", { note: note("a", 1, { client_message_id: "n2" }) });
  state.read();
  state.close();
  state.apply("note.new", { note: note("a", 1) });
  assert.equal(state.hasUnseenNote("a"), false, "what was on the screen has been seen");
});

test("the chat that is open is not new, whatever another tab has heard of it", () => {
  const arrivals = new Unseen();
  renew({ arrivals });
  ready([summary("a", withAgent(ALICE))]);
  state.open("a");
  arrivals.heard("a", at(0));
  assert.equal(state.isNew(state.summary("a")), true);
  state.read();
  assert.equal(state.isNew(state.summary("a")), false);
});

test("a chat that comes to me from a colleague or by itself is new until it is opened, and so is the note with it", () => {
  const from = (agent, fields) => summary("a", { ...withAgent(agent), ...fields });
  const come = (session) => state.apply("session.changed", { session: told(session) });
  const isNew = (id) => state.isNew(state.summary(id));
  ready([summary("mine", withAgent(ALICE)), summary("waiting")]);
  assert.equal(isNew("mine"), false, "what is there at the start");
  come(from(BOB));
  state.apply("note.new", { note: note("a", 1) });
  assert.equal(state.hasUnseenNote("a"), false, "a note in a colleague's chat");
  come(from(ALICE, { last_seq: 2, last_message: message("a", 2, { sender_type: "system" }) }));
  assert.deepEqual([isNew("a"), state.hasUnseenNote("a")], [true, true]);
  ready([from(ALICE, { last_seq: 2 })]);
  assert.equal(isNew("a"), true);
  state.open("a");
  state.close();
  assert.deepEqual([isNew("a"), state.hasUnseenNote("a")], [false, false]);
  come(from(BOB, { last_seq: 3 }));
  come(from(ALICE, { last_seq: 4, last_message: message("a", 4, { sender_type: "system" }) }));
  assert.deepEqual([isNew("a"), state.hasUnseenNote("a")], [true, false], "the note was seen then");
  state.open("waiting");
  come(summary("waiting", withAgent(ALICE)));
  assert.equal(isNew("waiting"), false, "I have accepted it");
  ready([summary("waiting", withAgent(ALICE)), summary("b", withAgent(ALICE))]);
  assert.equal(isNew("b"), true, "while this console was not connected");
  state.apply("chat.read", { session_id: "b", by: "agent", seq: 1 });
  assert.equal(isNew("b"), false, "I have read it elsewhere");
});

test("a note that comes while nobody looks at the open chat stays marked until somebody does", () => {
  const session = summary("a", withAgent(ALICE));
  ready([session]);
  state.open("a");
  opened("a", session, []);
  state.apply("note.new", { note: note("a", 1) });
  // As a hidden tab does, too, when its connection is back.
  opened("a", session, [], { notes: [note("a", 1)] });
  assert.equal(state.hasUnseenNote("a"), true);
  state.read();
  assert.equal(state.hasUnseenNote("a"), false);
});

test("a chat tells that something written in it did not arrive", () => {
  ready([summary("a", withAgent(ALICE))]);
  setClock(Date.now());
  const id = "00000000-0000-4000-8000-000000000001";
  state.queueMessage("a", "hello", id);
  assert.deepEqual([state.unsent("a"), state.unsent("b")], ["", ""]);
  pass(11_000);
  assert.equal(state.unsent("a"), "sending", "on its way for long");
  pass(-11_000);
  state.apply("error", { code: "busy", message: "Later.", session_id: "a", client_message_id: id });
  assert.equal(state.unsent("a"), "failed");
  state.retry("a", id);
  assert.equal(state.unsent("a"), "");
  state.queueNote("a", "note", NOTE_ID);
  state.markNote("a", NOTE_ID, { code: "network", message: "No network." });
  assert.equal(state.unsent("a"), "failed");
});

test("a note that is refused says why, and survives a reload", () => {
  longChat(1, 2);
  state.queueNote("a", "Watch out", NOTE_ID);
  state.markNote("a", NOTE_ID, { code: "network", message: "No network." });
  const reloaded = newState();
  reloaded.restoreNoteOutboxes(JSON.parse(JSON.stringify(state.noteOutboxes)));
  assert.equal(reloaded.noteOutboxes.a[0].error.message, "No network.");
  assert.equal(reloaded.markNote("a", NOTE_ID, null).state, "sending");
});

test("an answer since the draft was begun that was not sent from here is found, whatever its author is called", () => {
  longChat(1, 2);
  const answer = (seq, number) => {
    const from = { sender_type: "agent", sender_name: "Alice", client_message_id: idOf(number) };
    state.apply("chat.message.new", { message: message("a", seq, from) });
  };
  const idOf = (number) => `00000000-0000-4000-8000-00000000000${number}`;
  state.queueMessage("a", "from here", idOf(1));
  answer(3, 1);
  assert.equal(state.answerMeanwhile("a", 2), null);
  const reloaded = newState();
  reloaded.restoreSent(state.sent);
  reloaded.restoreOutboxes({ a: [{ client_message_id: idOf(2), body: "on its way" }] });
  assert.deepEqual(reloaded.sent, [idOf(1), idOf(2)], "a reload forgets none");
  state.markSent(idOf(3));
  answer(4, 3);
  assert.equal(state.answerMeanwhile("a", 2), null, "a file was sent from here, too");
  answer(5, 4);
  assert.equal(state.answerMeanwhile("a", 2).seq, 5);
  assert.equal(state.answerMeanwhile("a", 5), null, "that one has been seen");
  assert.equal(state.answerMeanwhile("never opened", 0), null);
});

test("other agents who write in a chat are known by name until they have written, stop, or fall silent", () => {
  ready([summary("a", withAgent(ALICE))]);
  const typing = (sender_name, is_typing) => {
    state.apply("chat.typing", { session_id: "a", sender_type: "agent", sender_name, is_typing });
  };
  typing("Bob", true);
  typing("Eve", true);
  assert.deepEqual(state.colleaguesTyping("a"), ["Bob", "Eve"]);
  typing("Eve", false);
  assert.deepEqual(state.colleaguesTyping("a"), ["Bob"]);
  assert.deepEqual(state.colleaguesTyping("b"), []);
  const answer = { sender_type: "agent", sender_name: "Bob" };
  state.apply("chat.message.new", { message: message("a", 2, answer) });
  assert.deepEqual(state.colleaguesTyping("a"), []);
  typing("Bob", true);
  state.apply("note.new", { note: note("a", 2) });
  assert.deepEqual(state.colleaguesTyping("a"), [], "a note is what Bob was writing");
  typing("Bob", true);
  pass(9_000);
  assert.deepEqual(state.colleaguesTyping("a"), []);
  typing("Bob", true);
  state.disconnected();
  assert.deepEqual(state.colleaguesTyping("a"), []);
});

test("what the visitor is writing is shown while it comes, and goes with the message", () => {
  longChat(1, 2);
  const typing = (fields) =>
    state.apply("chat.typing", { session_id: "a", sender_type: "visitor", ...fields });
  typing({ is_typing: true, text: "My ord" });
  assert.equal(state.typedText("a"), "My ord");
  typing({ is_typing: true });
  assert.equal(state.typedText("a"), "", "a website that does not show it");
  typing({ is_typing: true, text: "My order" });
  pass(9_000);
  assert.equal(state.typedText("a"), "");
  typing({ is_typing: true, text: "My order" });
  state.apply("chat.message.new", { message: message("a", 3) });
  assert.equal(state.typedText("a"), "");
});

test("what is told of a visitor is asked for when the chat is shown, and anew after a lost connection", () => {
  const session = longChat(1, 2);
  assert.equal(state.needsVisitor("a"), true);
  state.setVisitor("a", { trail: [page(1, "/cart")], earlier: [] });
  assert.equal(state.needsVisitor("a"), false);
  state.apply("trail.new", { session_id: "a", entry: page(2, "/pay") });
  state.apply("trail.new", { session_id: "a", entry: page(2, "/pay") });
  assert.deepEqual(
    state.openChat.visitor.trail.map(({ url }) => url),
    ["/cart", "/pay"],
  );
  assert.deepEqual(state.asides, [], "pages stand in the panel, not in the transcript");
  ready([session]);
  opened("a", session, []);
  assert.equal(state.needsVisitor("a"), true);
  state.setVisitor("a", null);
  assert.equal(state.needsVisitor("a"), false, "a failure is not repeated in a loop");
});

test("each beat brings the open chat up to date: no list tells of its notes and tags", () => {
  const session = longChat(1, 2);
  assert.deepEqual(pong([session]), [{ type: "chat.open", payload: { session_id: "a", after_seq: 2 } }]);
  opened("a", { ...session, tags: ["vip"] }, [], { notes: [note("a", 2)], trail: [left(2, 3)] });
  assert.deepEqual(state.summary("a").tags, ["vip"]);
  assert.equal(state.asides.length, 2);
});

test("who I am is what the last beat or my other console says", () => {
  const me = { ...ALICE, availability: "online", is_supervisor: true };
  const counts = { queue: 3, mine: 1, open: 9, offline: 2 };
  state.apply("agent.changed", { agent: me });
  assert.equal(state.loaded, false, "nothing is shown before the snapshot");
  state.apply("agent.ready", { agent: me, sessions: [], policy: state.policy, server_time: at(0), counts });
  assert.deepEqual(state.counts, counts);
  state.apply("agent.changed", { agent: { ...me, availability: "away" } });
  assert.equal(state.agent.availability, "away");
  const pulse = { agent: { availability: "offline" }, counts: { ...counts, queue: 4 } };
  state.apply("pong", { sessions: [], server_time: at(0), ...pulse });
  assert.deepEqual(
    [state.agent.availability, state.agent.is_supervisor, state.counts.queue],
    ["offline", true, 4],
  );
});

/** What is told of an open chat: notes, holds, goings and comings, and a snapshot of all of it at any moment. */
function randomChat(seed) {
  let value = seed;
  const random = (n) => ((value = (value * 1_103_515_245 + 12_345) % 2_147_483_648) >> 8) % n;
  const session = summary("a", withAgent(BOB, { last_seq: 0, last_message: null, tags: [] }));
  const truth = { session, messages: [], notes: [], trail: [], holds: [], pages: [] };
  const events = [];
  for (let step = 1; step <= 40; step += 1) {
    const move = random(6);
    if (move === 5) {
      const held_until = random(2) ? at(step + 60) : null;
      const hold = { agent_id: BOB.id, agent_name: BOB.name, after_seq: session.last_seq, at: at(step), held_until };
      truth.holds.push(hold);
      events.push(["hold.new", { session_id: "a", hold }]);
    } else if (move === 0) {
      const added = note("a", session.last_seq, { client_message_id: `n${step}`, created_at: at(step) });
      truth.notes.push(added);
      events.push(["note.new", { note: added }]);
    } else if (move === 1) {
      const isLeaving = truth.trail.at(-1)?.kind !== "left";
      const entry = isLeaving ? left(session.last_seq, step) : back(session.last_seq, step, step - 1);
      truth.trail.push(entry);
      events.push(["trail.new", { session_id: "a", entry }]);
    } else if (move === 2) {
      const entry = page(step, `/${step}`);
      truth.pages.push(entry);
      events.push(["trail.new", { session_id: "a", entry }]);
    } else if (move === 3) {
      session.tags = [...session.tags, `t${step}`];
      events.push(["session.changed", { session: structuredClone(session) }]);
    } else {
      const added = message("a", session.last_seq + 1, { created_at: at(step) });
      truth.messages.push(added);
      Object.assign(session, {
        last_seq: added.seq,
        last_message: added,
        last_activity_at: added.created_at,
      });
      session.waiting_since ??= added.created_at;
      events.push(["chat.message.new", { message: added }]);
    }
  }
  const snapshot = (known) => ({
    session: structuredClone(session),
    messages: known ? truth.messages.filter(({ seq }) => seq > known) : truth.messages,
    notes: [...truth.notes],
    trail: [...truth.trail],
    holds: [...truth.holds],
    last_seq: session.last_seq,
    has_more: false,
    resume: known ? "resumed" : "resync",
  });
  return { truth, events, random, snapshot };
}

function shownOf(target) {
  const { store, visitor } = target.openChat;
  return { messages: store.messages, asides: target.asides, visitor, tags: target.summary("a").tags };
}

test("a stale chat plus its events equals a fresh fetch, lost and doubled ones after one beat", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const { truth, events, random, snapshot } = randomChat(seed);
    const start = summary("a", withAgent(BOB, { last_seq: 0, last_message: null, tags: [] }));
    const began = { session: start, messages: [], notes: [], trail: [], last_seq: 0, has_more: false };
    const fresh = newState();
    ready([], fresh);
    fresh.open("a");
    fresh.apply("chat.session.ready", snapshot(0));
    fresh.setVisitor("a", { trail: truth.pages.concat(truth.trail).sort((a, b) => (a.at < b.at ? -1 : 1)) });

    for (const isLossy of [false, true]) {
      const live = newState();
      ready([], live);
      live.open("a");
      live.apply("chat.session.ready", { ...began, resume: "resync" });
      live.setVisitor("a", { trail: [] });
      for (const [type, payload] of events) {
        const times = isLossy ? Math.min(random(4), 2) : 1;
        for (let n = 0; n < times; n += 1) live.apply(type, payload);
      }
      if (isLossy) {
        const [{ payload }] = pong([], live);
        live.apply("chat.session.ready", snapshot(payload.after_seq));
        live.setVisitor("a", fresh.openChat.visitor);
      }
      assert.deepEqual(shownOf(live), shownOf(fresh), `seed ${seed}, ${isLossy ? "lossy" : "whole"}`);
    }
  }
});
