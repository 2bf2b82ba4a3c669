/** A console's state at noon, the frames that it is told, and what the server would say: for the tests of state.js. */

import { ConsoleState } from "../../agents_app/static/agents_app/state.js";
import { Unseen } from "../../agents_app/static/agents_app/unseen.js";
import { MessageStore } from "../../widget_static/src/store.js";

export const NOON = Date.parse("2026-03-02T12:00:00Z");
export const ALICE = { id: 7, name: "Alice" };
export const BOB = { id: 8, name: "Bob" };
export const at = (seconds) => new Date(NOON + seconds * 1000).toISOString();

export let state;
let clock;

/** For each test: a console that knows nothing, at noon. */
export function renew(fields) {
  clock = NOON;
  state = newState(fields);
}

export function newState(fields = {}) {
  const news = { unseenNotes: new Unseen(), arrivals: new Unseen(), ...fields };
  return new ConsoleState({ MessageStore, ...news, clock: () => clock });
}

export function pass(milliseconds) {
  clock += milliseconds;
}

export function setClock(milliseconds) {
  clock = milliseconds;
}

export function summary(id, fields = {}) {
  return {
    session_id: id,
    conversation_id: `REF-${id}`,
    status: "queued",
    assigned_to_id: null,
    agent_name: null,
    customer_name: "",
    waiting_since: at(0),
    last_activity_at: at(0),
    expires_at: null,
    last_seen_at: at(0),
    presence: "online",
    last_seq: 1,
    last_message: message(id, 1),
    last_text: message(id, 1),
    unread: 1,
    visitor_read_seq: 0,
    agent_read_seq: 0,
    ...fields,
  };
}

/** As an event has it: without what only a fetch tells. */
export function told({ last_text, unread, ...session }) {
  return structuredClone(session);
}

export const withAgent = (agent, fields) => ({
  status: "active",
  assigned_to_id: agent.id,
  agent_name: agent.name,
  ...fields,
});

export function message(id, seq, fields = {}) {
  return {
    session_id: id,
    seq,
    client_message_id: null,
    sender_type: "visitor",
    sender_name: "Vera",
    message_type: "text",
    body: `message ${seq}`,
    created_at: at(seq),
    ...fields,
  };
}

export function ready(sessions, target = state) {
  const policy = { heartbeat_interval_ms: 20_000 };
  return target.apply("agent.ready", { agent: ALICE, sessions, policy, server_time: at(0) });
}

export function pong(sessions, target = state) {
  const lines = sessions.map(({ session_id, status, assigned_to_id, last_seq, presence, last_seen_at }) => {
    return { session_id, status, assigned_to_id, last_seq, presence, last_seen_at };
  });
  return target.apply("pong", { sessions: lines, server_time: at(0) });
}

export function opened(id, session, messages, fields = {}) {
  return state.apply("chat.session.ready", {
    session,
    messages,
    last_seq: session.last_seq,
    has_more: false,
    resume: "resumed",
    ...fields,
  });
}

export const ids = (sessions) => sessions.map((session) => session.session_id);
export const types = (requests) => requests.map((request) => request.type);
export const seqs = (id) => state.chats.get(id).store.messages.map(({ seq }) => seq);
export const SNAPSHOT = [{ type: "hello", payload: {} }];
