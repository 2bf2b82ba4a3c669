// The words of the wire, shared by the widget and the agent console.

export const MAX_TEXT = 4000;

export const FRAME = Object.freeze({
  hello: "hello",
  ready: "chat.session.ready",
  ping: "ping",
  pong: "pong",
  send: "chat.message.send",
  ack: "chat.message.ack",
  message: "chat.message.new",
  typing: "chat.typing",
  read: "chat.read",
  history: "chat.history",
  end: "chat.end",
  assigned: "chat.session.assigned",
  unassigned: "chat.session.unassigned",
  queue: "chat.session.queue",
  ended: "chat.session.ended",
  reopened: "chat.session.reopened",
  restart: "server.restart",
  error: "error",
});

export const CLOSE = Object.freeze({
  unauthorized: 4401,
  forbidden: 4403,
  replaced: 4409,
  sessionOver: 4410,
  tooFast: 4429,
});

/** After these a client does not connect again by itself. */
export const FINAL_CLOSE_CODES = Object.freeze([
  CLOSE.unauthorized,
  CLOSE.forbidden,
  CLOSE.replaced,
  CLOSE.sessionOver,
]);

/** A random UUID, version 4. `crypto.randomUUID` alone would not do: it is missing on http:// pages. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const isUuid = (value) => typeof value === "string" && UUID.test(value);

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The text as it is sent: trimmed, without control characters and lone surrogates. The server refuses NUL and
 * lone surrogates; the other controls show nothing and take six bytes each in JSON, enough to exceed a frame.
 */
export function cleanText(text) {
  return trimmed(
    text.replace(/\r\n?/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\p{Cs}/gu, ""),
  );
}

/** Length in Unicode code points, the unit in which the server counts. */
export function textLength(text) {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Why the server would refuse this text: null (it would not), "empty" or "too_long". */
export function textProblem(text) {
  const body = trimmed(text);
  if (/^[\s\p{Cf}\u001c-\u001f\u0085]*$/u.test(body)) return "empty";
  return body.length > 2 * MAX_TEXT || textLength(body) > MAX_TEXT ? "too_long" : null;
}

// The server's white space: that of JavaScript, four separators and NEL more, the byte order mark less.
const SPACE = /[^\S\ufeff]|[\u001c-\u001f\u0085]/;

function trimmed(text) {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.test(text[start])) start += 1;
  while (end > start && SPACE.test(text[end - 1])) end -= 1;
  return text.slice(start, end);
}
