import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import {
  ALICE,
  BOB,
  NOON,
  SNAPSHOT,
  at,
  ids,
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
  types,
  withAgent,
} from "./console_world.js";

beforeEach(() => renew());

test("the queue holds who has written, waits and is there, longest wait first", () => {
  ready([
    summary("late", { waiting_since: at(-10) }),
    summary("early", { waiting_since: at(-90) }),
    summary("silent", { waiting_since: null }),
    summary("gone", { presence: "gone" }),
    summary("mine", withAgent(ALICE)),
  ]);
  assert.deepEqual(ids(state.queue), ["early", "late"]);
  assert.deepEqual(ids(state.mine), ["mine"]);
});

test("my chats show first who waits for my answer, then the latest", () => {
  ready([
    summary("old", withAgent(ALICE, { waiting_since: null, last_activity_at: at(-500) })),
    summary("new", withAgent(ALICE, { waiting_since: null, last_activity_at: at(-5) })),
    summary("waits longest", withAgent(ALICE, { waiting_since: at(-90), last_activity_at: at(-800) })),
    summary("waits", withAgent(ALICE, { waiting_since: at(-20), last_activity_at: at(-600) })),
    summary("waits longer", withAgent(ALICE, { waiting_since: at(-60), last_activity_at: at(-700) })),
  ]);
  assert.deepEqual(ids(state.mine), ["waits longest", "waits longer", "waits", "new", "old"]);
});

test("times are counted by the server's clock, however wrong this machine's is", () => {
  setClock(NOON + 48 * 3_600_000);
  ready([]);
  pass(5_000);
  assert.equal(state.now, NOON + 5_000);
  pong([]);
  assert.equal(state.now, NOON, "a clock that drifts is set right by each beat");
});

test("an empty list means nothing before the first snapshot", () => {
  assert.equal(state.loaded, false);
  ready([]);
  assert.equal(state.loaded, true);
  assert.equal(state.policy.heartbeat_interval_ms, 20_000);
});

test("a visitor's message puts the session into the queue, an agent's answer takes the wait away", () => {
  ready([summary("a", { waiting_since: null, last_seq: 0, last_message: null })]);
  assert.deepEqual(ids(state.queue), []);
  assert.deepEqual(state.apply("chat.message.new", { message: message("a", 1) }), []);
  assert.deepEqual(ids(state.queue), ["a"]);
  assert.equal(state.queue[0].waiting_since, at(1));
  assert.deepEqual(state.apply("chat.message.new", { message: message("a", 2) }), []);
  assert.equal(state.queue[0].waiting_since, at(1), "a second message does not restart the wait");
  state.apply("chat.message.new", {
    message: message("a", 3, { sender_type: "system", body: "Alice joined" }),
  });
  assert.equal(state.queue[0].waiting_since, at(1), "a system line is no answer");
  state.apply("chat.message.new", {
    message: message("a", 4, { sender_type: "agent", sender_name: "Alice" }),
  });
  assert.equal(state.summary("a").waiting_since, null);
  state.apply("chat.message.new", { message: message("a", 2) });
  assert.equal(state.summary("a").last_seq, 4, "one that comes twice changes nothing");
  assert.equal(state.summary("a").waiting_since, null);
});

test("unread counts what came after the last thing read or written", () => {
  const five = {
    last_seq: 5,
    agent_read_seq: 3,
    last_message: message("a", 5),
    last_text: message("a", 5),
    unread: 2,
  };
  ready([summary("a", withAgent(ALICE, five))]);
  assert.equal(state.unread(state.mine[0]), 2);
  state.apply("chat.read", { session_id: "a", by: "agent", seq: 5 });
  assert.equal(state.unread(state.mine[0]), 0);
  state.apply("chat.read", { session_id: "a", by: "agent", seq: 4 });
  assert.equal(state.unread(state.mine[0]), 0, "a late receipt takes nothing back");
  const late = summary("a", withAgent(ALICE, five));
  state.apply("session.changed", { session: late });
  assert.equal(state.unread(state.mine[0]), 0, "nor does a late summary");
  state.apply("chat.message.new", { message: message("a", 6) });
  assert.equal(state.unread(state.mine[0]), 1);
  state.apply("chat.message.new", { message: message("a", 7, { sender_type: "agent" }) });
  assert.equal(state.unread(state.mine[0]), 0);
});

test("system lines are not unread, and are not what was said last", () => {
  ready([summary("a", withAgent(ALICE))]);
  const joined = message("a", 2, { sender_type: "system", body: "Alice joined the chat" });
  state.apply("chat.message.new", { message: joined });
  const [mine] = state.mine;
  assert.deepEqual([mine.last_seq, mine.unread, mine.last_text.seq], [2, 1, 1]);
});

test("an event tells of a summary what it can, and the rest is fetched", () => {
  ready([summary("known")]);
  const system = (id, seq) => message(id, seq, { sender_type: "system" });
  const changed = (id, seq, last_message) => {
    const session = told(summary(id, withAgent(ALICE, { last_seq: seq, last_message })));
    return state.apply("session.changed", { session });
  };
  assert.deepEqual(changed("known", 2, system("known", 2)), []);
  assert.deepEqual([state.summary("known").unread, state.summary("known").last_text.seq], [1, 1]);
  assert.deepEqual(changed("known", 3, message("known", 3)), [], "it has overtaken its message");
  state.apply("chat.message.new", { message: message("known", 3) });
  assert.deepEqual([state.summary("known").unread, state.summary("known").last_text.seq], [2, 3]);
  assert.deepEqual(changed("new", 1, message("new", 1)), []);
  assert.equal(state.summary("new").unread, 1);
  assert.deepEqual(changed("transferred", 9, system("transferred", 9)), SNAPSHOT);
});

test("a chat is read up to where it was read, and not further", () => {
  const nine = { last_seq: 9, last_message: message("a", 9), last_text: message("a", 9), unread: 3 };
  ready([summary("a", withAgent(ALICE, nine))]);
  state.apply("chat.read", { session_id: "a", by: "visitor", seq: 9 });
  assert.equal(state.mine[0].unread, 3, "the visitor's reading is another matter");
  state.apply("chat.read", { session_id: "a", by: "agent", seq: 8 });
  assert.equal(state.mine[0].unread, 1);
  ready([summary("a", withAgent(ALICE, { ...nine, agent_read_seq: 6 }))]);
  assert.equal(state.mine[0].unread, 1, "a snapshot that the reading has overtaken takes nothing back");
});

test("a session that another agent takes, or that ends, leaves the lists at once", () => {
  ready([summary("a"), summary("b", withAgent(ALICE))]);
  state.apply("session.changed", { session: summary("a", withAgent(BOB)) });
  state.apply("session.changed", { session: summary("b", { status: "abandoned", reason: "disconnected" }) });
  assert.deepEqual([ids(state.queue), ids(state.mine)], [[], []]);
});

test("the open chat keeps its explanation when it has left the lists", () => {
  ready([summary("a", withAgent(ALICE))]);
  state.open("a");
  opened("a", summary("a", withAgent(ALICE)), [message("a", 1)]);
  state.apply("session.changed", { session: summary("a", { status: "abandoned", reason: "disconnected" }) });
  assert.equal(state.summary("a").reason, "disconnected");
});

test("a chat that the snapshot does not list cannot be revived by an event", () => {
  const mine = summary("a", withAgent(ALICE));
  ready([mine]);
  state.open("a");
  opened("a", mine, [message("a", 1)]);
  state.close();
  ready([]);
  state.apply("session.presence", { session_id: "a", presence: "online", last_seen_at: at(0) });
  assert.deepEqual(ids(state.mine), []);
  assert.deepEqual(state.open("a"), [{ type: "chat.open", payload: { session_id: "a", after_seq: 1 } }]);
  assert.equal(state.openSession, null, "and is not shown as it was");
  assert.deepEqual(state.apply("chat.history", { session_id: "a", messages: [] }), []);
});

test("a message of an unknown session asks for one snapshot, however many come", () => {
  ready([]);
  assert.deepEqual(state.apply("chat.message.new", { message: message("new", 1) }), SNAPSHOT);
  assert.deepEqual(state.apply("chat.message.new", { message: message("new", 2) }), []);
  ready([summary("new", { last_seq: 2 })]);
  assert.deepEqual(state.apply("chat.message.new", { message: message("other", 1) }), SNAPSHOT);
  ready([summary("new", { last_seq: 2 })]);
  const joined = message("other", 2, { sender_type: "system", body: "Bob joined the chat" });
  assert.deepEqual(state.apply("chat.message.new", { message: joined }), []);
});

test("presence moves a visitor out of the queue and back to the old place", () => {
  ready([summary("a", { waiting_since: at(-60) }), summary("b", { waiting_since: at(-30) })]);
  state.apply("session.presence", { session_id: "a", presence: "gone", last_seen_at: at(-150) });
  assert.deepEqual(ids(state.queue), ["b"]);
  state.apply("session.presence", { session_id: "a", presence: "online", last_seen_at: at(0) });
  assert.deepEqual(ids(state.queue), ["a", "b"]);
  assert.deepEqual(
    state.apply("session.presence", { session_id: "has not written", presence: "online" }),
    [],
  );
});

test("who was gone is told of as back for a minute, however that becomes known", () => {
  const come = (presence) => state.apply("session.presence", { session_id: "a", presence, last_seen_at: at(9) });
  ready([summary("a"), summary("b", { presence: "gone" })]);
  assert.equal(state.isBack("a"), false, "was here all the time");
  come("gone");
  come("away");
  assert.equal(state.isBack("a"), true);
  come("online");
  assert.equal(state.isBack("a"), true, "still news");
  ready([summary("a"), summary("b")]);
  assert.equal(state.isBack("b"), true, "while this console was not connected");
  pass(61_000);
  assert.deepEqual([state.isBack("a"), state.isBack("b")], [false, false]);
  come("gone");
  come("online");
  come("gone");
  assert.equal(state.isBack("a"), false, "gone again");
});

test("a pong tells who has gone without a bell, as after a killed web process", () => {
  const mine = summary("a", withAgent(ALICE));
  ready([mine]);
  assert.deepEqual(pong([{ ...mine, presence: "gone" }]), []);
  assert.equal(state.summary("a").presence, "gone");
});

test("a pong that agrees asks for nothing", () => {
  const sessions = [summary("a"), summary("b", withAgent(ALICE))];
  ready(sessions);
  assert.deepEqual(pong(sessions), []);
});

const DISAGREEMENTS = {
  "lists a session that the view lacks": (sessions) => [...sessions, summary("c")],
  "lacks one that the view shows": (sessions) => sessions.slice(1),
  "knows another status": ([first, ...rest]) => [
    { ...first, status: "active", assigned_to_id: BOB.id },
    ...rest,
  ],
  "knows another agent": ([first, second]) => [first, { ...second, assigned_to_id: BOB.id }],
  "knows a later message": ([first, ...rest]) => [{ ...first, last_seq: 2 }, ...rest],
};
for (const [name, change] of Object.entries(DISAGREEMENTS)) {
  test(`a pong that ${name} asks for a snapshot`, () => {
    const sessions = [summary("a"), summary("b", withAgent(ALICE))];
    ready(sessions);
    assert.deepEqual(pong(change(sessions)), SNAPSHOT);
  });
}

test("a view that is ahead of a pong does not ask for what it has", () => {
  ready([summary("a")]);
  state.apply("chat.message.new", { message: message("a", 2) });
  assert.deepEqual(pong([summary("a")]), []);
});

test("a visitor who is gone may be in the server's list or not", () => {
  const gone = summary("a", { presence: "gone" });
  ready([gone]);
  assert.deepEqual(pong([gone]), []);
  assert.deepEqual(pong([]), []);
});

test("an open chat that no list holds is opened again with each beat", () => {
  ready([]);
  state.open("theirs");
  opened("theirs", summary("theirs", withAgent(BOB)), [message("theirs", 1)]);
  assert.deepEqual(pong([]), [{ type: "chat.open", payload: { session_id: "theirs", after_seq: 1 } }]);
});

test("opening a chat twice asks only for what came after", () => {
  ready([summary("a")]);
  assert.deepEqual(state.open("a"), [{ type: "chat.open", payload: { session_id: "a", after_seq: null } }]);
  opened("a", summary("a"), [message("a", 1)]);
  state.close();
  assert.deepEqual(state.open("a"), [{ type: "chat.open", payload: { session_id: "a", after_seq: 1 } }]);
});

test("a long transcript is fetched page by page to its end", () => {
  ready([]);
  state.open("a");
  const session = summary("a", { last_seq: 5, last_message: message("a", 5) });
  const first = opened("a", session, [message("a", 1), message("a", 2)], { has_more: true });
  assert.deepEqual(first, [{ type: "chat.history", payload: { session_id: "a", after_seq: 2, limit: 100 } }]);
  const page = (...list) =>
    state.apply("chat.history", { session_id: "a", messages: list.map((n) => message("a", n)) });
  assert.deepEqual(page(3, 4)[0].payload.after_seq, 4);
  assert.deepEqual(page(5), []);
  assert.deepEqual(seqs("a"), [1, 2, 3, 4, 5]);
});

test("a hole in the open transcript is asked for once, and filled", () => {
  ready([summary("a")]);
  state.open("a");
  opened("a", summary("a"), [message("a", 1)]);
  const [, request] = state.apply("chat.message.new", { message: message("a", 4) });
  assert.deepEqual(request, { type: "chat.history", payload: { session_id: "a", after_seq: 1, limit: 100 } });
  assert.deepEqual(state.apply("chat.message.new", { message: message("a", 5) }), []);
  state.apply("chat.history", { session_id: "a", messages: [2, 3, 4].map((seq) => message("a", seq)) });
  assert.deepEqual(seqs("a"), [1, 2, 3, 4, 5]);
});

test("a chat that is not on the screen is not completed before it is opened", () => {
  ready([summary("a", withAgent(ALICE))]);
  state.open("a");
  opened("a", summary("a", withAgent(ALICE)), [message("a", 1)]);
  state.close();
  assert.deepEqual(state.apply("chat.message.new", { message: message("a", 3) }), SNAPSHOT);
  assert.equal(state.openSession, null);
  assert.equal(state.open("a")[0].payload.after_seq, 1);
});

test("what was asked on a lost socket is asked again on the next", () => {
  ready([summary("a")]);
  state.open("a");
  const session = summary("a", { last_seq: 3 });
  assert.deepEqual(types(opened("a", session, [message("a", 1)])), ["chat.history"]);
  assert.deepEqual(state.apply("chat.message.new", { message: message("unknown", 1) }), SNAPSHOT);
  state.disconnected();
  assert.deepEqual(types(state.apply("session.changed", { session })), ["chat.history"]);
  assert.deepEqual(state.apply("chat.message.new", { message: message("unknown", 2) }), SNAPSHOT);
});

test("a history that brings nothing is not asked for again", () => {
  ready([summary("a")]);
  state.open("a");
  opened("a", summary("a", { last_seq: 3 }), [message("a", 1)]);
  assert.deepEqual(state.apply("chat.history", { session_id: "a", messages: [] }), []);
});

test("a resync replaces the transcript and keeps what is not sent", () => {
  ready([summary("a", withAgent(ALICE))]);
  state.open("a");
  opened("a", summary("a", withAgent(ALICE, { last_seq: 2 })), [message("a", 1), message("a", 2)]);
  state.queueMessage("a", "on its way", "00000000-0000-4000-8000-000000000001");
  opened("a", summary("a", withAgent(ALICE)), [message("a", 1)], { resume: "resync" });
  assert.deepEqual(seqs("a"), [1]);
  assert.deepEqual(
    state.outboxes.a.map(({ body }) => body),
    ["on its way"],
  );
});

test("what was not acknowledged is sent again after a reconnect under the same id", () => {
  ready([summary("a", withAgent(ALICE))]);
  state.open("a");
  opened("a", summary("a", withAgent(ALICE)), [message("a", 1)]);
  const [sent] = state.queueMessage("a", "hello", "00000000-0000-4000-8000-000000000001");
  state.disconnected();
  const requests = ready([summary("a", withAgent(ALICE))]);
  assert.deepEqual(types(requests), ["chat.open", "chat.message.send"]);
  assert.deepEqual(requests[1], sent);
  const id = sent.payload.client_message_id;
  const stored = message("a", 2, { sender_type: "agent", client_message_id: id, body: "hello" });
  state.apply("chat.message.ack", { session_id: "a", client_message_id: id, message: stored });
  state.apply("chat.message.new", { message: stored });
  assert.deepEqual(state.outboxes, {});
  assert.deepEqual(seqs("a"), [1, 2]);
});

test("a send that a live socket never acknowledged is repeated by a later beat", () => {
  const mine = summary("a", withAgent(ALICE));
  ready([mine]);
  state.queueMessage("a", "hello", "00000000-0000-4000-8000-000000000001");
  setClock(Date.now());
  assert.deepEqual(pong([mine]), []);
  pass(11_000);
  assert.deepEqual(types(pong([mine])), ["chat.message.send"]);
});

test("a refused send says why, and goes again on retry only", () => {
  ready([summary("a", withAgent(ALICE))]);
  const id = "00000000-0000-4000-8000-000000000001";
  state.queueMessage("a", "hello", id);
  state.apply("error", {
    code: "rate_limited",
    message: "Too fast.",
    session_id: "a",
    client_message_id: id,
  });
  assert.deepEqual(state.outboxes.a[0].error, { code: "rate_limited", message: "Too fast." });
  assert.deepEqual(ready([summary("a", withAgent(ALICE))]), []);
  assert.equal(state.retry("a", id)[0].payload.client_message_id, id);
});

test("an outbox of an earlier page load is sent with the first snapshot", () => {
  state.queueMessage("a", "hello", "00000000-0000-4000-8000-000000000001");
  const kept = JSON.parse(JSON.stringify(state.outboxes));
  const reloaded = newState();
  reloaded.restoreOutboxes(kept);
  const requests = ready([], reloaded);
  assert.deepEqual(types(requests), ["chat.message.send"]);
  assert.equal(requests[0].payload.session_id, "a");
});

test("a message that was missed may have changed the wait: the list is fetched anew", () => {
  ready([summary("a")]);
  assert.deepEqual(state.apply("chat.message.new", { message: message("a", 3) }), SNAPSHOT);
});

test("only my open chat is marked as read, and once", () => {
  ready([summary("a"), summary("b", withAgent(ALICE))]);
  state.open("a");
  opened("a", summary("a"), [message("a", 1)]);
  assert.deepEqual(state.read(), [], "looking at a waiting chat is not reading it for the visitor");
  state.open("b");
  opened("b", summary("b", withAgent(ALICE)), [message("b", 1)]);
  assert.deepEqual(state.read(), [{ type: "chat.read", payload: { session_id: "b", seq: 1 } }]);
  assert.deepEqual(state.read(), []);
});

test("typing is the visitor's, ends with the message, and fades by itself", () => {
  ready([summary("a", withAgent(ALICE))]);
  const typing = (sender_type, is_typing) => {
    state.apply("chat.typing", { session_id: "a", sender_type, sender_name: "x", is_typing });
  };
  typing("agent", true);
  assert.equal(state.isTyping("a"), false);
  typing("visitor", true);
  assert.equal(state.isTyping("a"), true);
  state.apply("chat.message.new", { message: message("a", 2) });
  assert.equal(state.isTyping("a"), false);
  typing("visitor", true);
  typing("visitor", false);
  assert.equal(state.isTyping("a"), false);
  typing("visitor", true);
  state.disconnected();
  assert.equal(state.isTyping("a"), false);
  typing("visitor", true);
  pass(9_000);
  assert.equal(state.isTyping("a"), false);
});

test("a chat that cannot be opened says why; a later failure does not hide its transcript", () => {
  ready([]);
  state.open("a");
  state.apply("error", { code: "session_not_found", message: "No such chat.", session_id: "a" });
  assert.equal(state.openChat.problem.code, "session_not_found");
  assert.equal(state.openSession, null);
  state.open("a");
  assert.equal(state.openChat.problem, null, "it is tried again");
  state.open("b");
  opened("b", summary("b"), [message("b", 1)]);
  state.apply("error", { code: "busy", message: "Try again.", session_id: "b" });
  assert.equal(state.openSession.session_id, "b");
});

test("a chat that the agent may not see any more is not shown any more", () => {
  ready([summary("a", withAgent(ALICE))]);
  state.open("a");
  opened("a", summary("a", withAgent(ALICE)), [message("a", 1)]);
  ready([]);
  state.apply("error", { code: "session_not_found", message: "No such chat.", session_id: "a" });
  assert.equal(state.openSession, null);
});

test("a frame of a newer server is ignored", () => {
  ready([summary("a")]);
  assert.deepEqual(state.apply("constructor", {}), []);
  assert.deepEqual(state.apply("chat.hologram", { session_id: "a" }), []);
});

test("a snapshot that a message has overtaken does not take it back", () => {
  ready([summary("a")]);
  state.apply("chat.message.new", { message: message("a", 2) });
  ready([summary("a")]);
  assert.equal(state.summary("a").last_message.seq, 2);
});

/** A small truth, and the events that a server emits about it. */
function randomWorld(seed) {
  let value = seed;
  const random = (n) => ((value = (value * 1_103_515_245 + 12_345) % 2_147_483_648) >> 8) % n;
  const truth = new Map();
  const events = [];
  const changed = (session) => events.push(["session.changed", { session: told(session) }]);
  const write = (session, sender_type) => {
    const added = message(session.session_id, session.last_seq + 1, {
      sender_type,
      sender_name: sender_type,
    });
    Object.assign(session, { last_seq: added.seq, last_message: added });
    if (sender_type !== "system") {
      session.last_activity_at = added.created_at;
      session.last_text = added;
      session.unread = sender_type === "visitor" ? session.unread + 1 : 0;
      session.waiting_since = sender_type === "visitor" ? (session.waiting_since ?? added.created_at) : null;
    }
    events.push(["chat.message.new", { message: added }]);
  };
  for (let step = 0; step < 60; step += 1) {
    const session = [...truth.values()][random(truth.size + 1)];
    if (!session) {
      const id = `s${truth.size}`;
      const fresh = summary(id, {
        last_seq: 0,
        last_message: null,
        last_text: null,
        unread: 0,
        waiting_since: null,
      });
      truth.set(id, fresh);
      changed(fresh);
      continue;
    }
    if (["ended", "abandoned"].includes(session.status)) continue;
    const move = random(6);
    if (move <= 2) write(session, "visitor");
    else if (move === 3 && session.status === "active") write(session, "agent");
    else if (move === 4 && session.status === "queued") {
      Object.assign(session, withAgent(random(2) ? ALICE : BOB));
      write(session, "system");
      changed(session);
    } else if (move === 5 && session.last_seq && random(2)) {
      session.agent_read_seq = session.last_seq;
      session.unread = 0;
      const read = { session_id: session.session_id, by: "agent", seq: session.last_seq };
      events.push(["chat.read", read]);
    } else if (move === 5) {
      Object.assign(session, { status: random(2) ? "ended" : "abandoned" });
      write(session, "system");
      changed(session);
    }
  }
  return { truth, events, random };
}

function snapshotOf(truth) {
  const isListed = ({ status, waiting_since, assigned_to_id }) =>
    (status === "queued" && waiting_since) || (status === "active" && assigned_to_id === ALICE.id);
  return structuredClone([...truth.values()].filter(isListed));
}

test("a stale view plus the events equals a fresh fetch", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const { truth, events } = randomWorld(seed);
    const live = newState();
    ready([], live);
    for (const [type, payload] of events) live.apply(type, payload);
    const fresh = newState();
    ready(snapshotOf(truth), fresh);
    assert.deepEqual(live.queue, fresh.queue, `queue, seed ${seed}`);
    assert.deepEqual(live.mine, fresh.mine, `mine, seed ${seed}`);
    assert.deepEqual(pong(snapshotOf(truth), live), [], `pong, seed ${seed}`);
  }
});

test("whatever events are lost or doubled, one pong and its snapshot make the view right", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const { truth, events, random } = randomWorld(seed);
    const live = newState();
    ready([], live);
    const asked = [];
    for (const [type, payload] of events) {
      const times = random(4);
      for (let n = 0; n < Math.min(times, 2); n += 1) asked.push(...live.apply(type, payload));
    }
    asked.push(...pong(snapshotOf(truth), live));
    if (types(asked).includes("hello")) ready(snapshotOf(truth), live);
    const fresh = newState();
    ready(snapshotOf(truth), fresh);
    assert.deepEqual(ids(live.queue), ids(fresh.queue), `queue, seed ${seed}`);
    assert.deepEqual(ids(live.mine), ids(fresh.mine), `mine, seed ${seed}`);
    for (const session of [...fresh.mine, ...fresh.queue]) {
      const { last_seq, last_text, unread } = live.summary(session.session_id);
      assert.deepEqual(
        [last_seq, last_text, unread],
        [session.last_seq, session.last_text, session.unread],
        `seed ${seed}`,
      );
    }
  }
});

test("the moment at which an idle chat will be closed is known until somebody writes or uses it", () => {
  ready([summary("a")]);
  state.apply("chat.session.expiring", { session_id: "a", at: at(120), server_time: at(0) });
  state.apply("chat.session.expiring", { session_id: "not mine", at: at(120), server_time: at(0) });
  assert.equal(state.summary("a").expires_at, at(120));
  assert.equal(state.summary("not mine"), null);

  state.apply("session.changed", { session: told(summary("a", { tags: ["vip"], held_until: at(3600) })) });
  assert.equal(state.summary("a").held_until, at(3600));
  assert.equal(state.summary("a").expires_at, at(120), "the summary is from before");
  state.apply("session.changed", { session: told(summary("a", { last_activity_at: at(9) })) });
  assert.equal(state.summary("a").expires_at, null);

  state.apply("chat.session.expiring", { session_id: "a", at: at(120), server_time: at(0) });
  state.apply("chat.message.new", { message: message("a", 2) });
  assert.equal(state.summary("a").expires_at, null);
  state.apply("session.changed", { session: told(summary("a", { last_seq: 1, expires_at: at(120) })) });
  assert.equal(state.summary("a").expires_at, null, "somebody has written since");
});

test("a chat that is about to be closed is known as such from the start", () => {
  ready([summary("a", { expires_at: at(120) })]);
  assert.equal(state.summary("a").expires_at, at(120));
});

test("a snapshot that the server could not give is asked for again at the next difference", () => {
  ready([summary("a")]);
  assert.deepEqual(pong([summary("a"), summary("b")]), [{ type: "hello", payload: {} }]);
  assert.deepEqual(pong([summary("a"), summary("b")]), [], "it is on its way");
  state.apply("error", { code: "unavailable", message: "Not now." });
  assert.deepEqual(pong([summary("a"), summary("b")]), [{ type: "hello", payload: {} }]);
});
