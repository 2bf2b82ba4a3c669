// The words of the wire, shared by the widget and the agent console.

export const MAX_TEXT = 4000;

export const FRAME = {
  hello: "hello",
  ready: "chat.session.ready",
  ping: "ping",
  pong: "pong",
  send: "chat.message.send",
  ack: "chat.message.ack",
  message: "chat.message.new",
  typing: "chat.typing",
  read: "chat.read",
  identify: "chat.identify",
  history: "chat.history",
  assigned: "chat.session.assigned",
  unassigned: "chat.session.unassigned",
  queue: "chat.session.queue",
  expiring: "chat.session.expiring",
  ended: "chat.session.ended",
  restart: "server.restart",
  error: "error",
};

export const CLOSE = {
  unauthorized: 4401,
  forbidden: 4403,
  replaced: 4409,
  sessionOver: 4410,
  tooFast: 4429,
};

/** After these a client does not connect again by itself. */
export const FINAL_CLOSE_CODES = [CLOSE.unauthorized, CLOSE.forbidden, CLOSE.replaced, CLOSE.sessionOver];

/** A random UUID, version 4. `crypto.randomUUID` alone would not do: it is missing on http:// pages. */
export function uuid() {
  // Each 0, 1 and 8 is replaced by a digit that has its fixed bits.
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) => {
    const [random] = crypto.getRandomValues(new Uint8Array(1));
    return (digit ^ (random & (15 >> (digit / 4)))).toString(16);
  });
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
