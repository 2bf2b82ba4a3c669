/** A message as the server sends it. */
export function message(seq, fields = {}) {
  return {
    session_id: "0d9f2a52-1c53-4c6e-8a53-2d1f3f6f8f10",
    seq,
    client_message_id: null,
    sender_type: "agent",
    sender_name: "alice",
    message_type: "text",
    body: `message ${seq}`,
    created_at: "2026-01-05T09:00:00Z",
    ...fields,
  };
}

/** Repeatable random numbers in [0, 1) (mulberry32), so that a failing seed can be run again. */
export function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function shuffled(items, random) {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

/** Stands in for the browser's WebSocket; the test plays the server. `all` are those that were made. */
export class FakeWebSocket {
  static all = [];

  static get last() {
    return FakeWebSocket.all[FakeWebSocket.all.length - 1];
  }

  constructor(url) {
    this.url = url;
    this.sent = [];
    this.closedWith = null;
    FakeWebSocket.all.push(this);
  }

  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close(code) {
    this.closedWith = code;
  }

  // The server's side.
  accept() {
    this.onopen({});
  }

  say(type, payload) {
    this.onmessage({ data: JSON.stringify({ type, payload }) });
  }

  sayRaw(data) {
    this.onmessage({ data });
  }

  hangUp(code = 1006, reason = "") {
    this.onclose({ code, reason });
  }
}
