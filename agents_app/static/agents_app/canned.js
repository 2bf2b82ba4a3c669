/** Canned replies: which are meant by what follows the slash, and what they say to this visitor. Pure. */

const MOST_SHOWN = 8;
// At the start, or after a space: no web address and no "and/or" opens the list.
const ASKED = /(?:^|\s)\/([^\s/]*)$/u;
const PLACEHOLDER = /\{\{\s*([\w.]+)\s*\}\}/;

/** What is asked for with the caret at `caret`: `{query, start}` (`start`: where the slash stands), or null. */
export function askedFor(text, caret) {
  const match = text.slice(0, caret).match(ASKED);
  return match && { query: match[1], start: caret - match[1].length - 1 };
}

/** Those that fit, the best first: by the shortcut's beginning, then within it, then by the words of the text. */
export function findReplies(replies, query) {
  const wanted = query.toLocaleLowerCase();
  const rank = ({ shortcut, text }) => {
    const at = shortcut.toLocaleLowerCase().indexOf(wanted);
    if (at >= 0) return Math.min(at, 1);
    return text.toLocaleLowerCase().includes(wanted) ? 2 : 3;
  };
  const ranked = replies.map((reply) => [rank(reply), reply]).filter(([place]) => place < 3);
  ranked.sort(([a, one], [b, other]) => a - b || one.shortcut.localeCompare(other.shortcut));
  return ranked.slice(0, MOST_SHOWN).map(([, reply]) => reply);
}

/** Puts `values` in for the placeholders. One that is unknown, or has no value, stays as it is, to be seen. */
export function fillIn(text, values) {
  // In one pass: a value that looks like a placeholder stays what it is.
  return text.replace(
    new RegExp(PLACEHOLDER, "g"),
    (written, name) => (Object.hasOwn(values, name) && values[name]) || written,
  );
}

/** Where the first placeholder after `from` stands that nobody has filled in: `{start, end, text}`, or null. */
export function firstGap(text, from = 0) {
  const match = text.slice(from).match(PLACEHOLDER);
  if (!match) return null;
  const start = from + match.index;
  return { start, end: start + match[0].length, text: match[0] };
}

/** What the placeholders stand for in a chat. */
export function placeholderValues(session, agent) {
  return {
    "visitor.name": session.customer_name?.trim() ?? "",
    "visitor.email": session.customer_email?.trim() ?? "",
    "agent.name": agent?.name ?? "",
  };
}
