// Addresses in a text become links. Pure.

const WEB = /https?:\/\/[^\s<>"'`\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/;
// Of bounded length: what is no address must not cost more than a look.
const MAIL = /(?:mailto:)?[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/;
const LINK = new RegExp(`\\b(?:${WEB.source}|${MAIL.source})`, "gi");

/**
 * The text in pieces, in order: {text} or {text, href}. Only http, https and e-mail addresses become links, and
 * only as they are written: nothing is decoded, so what the reader sees is where the link leads.
 */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const written = withoutClosing(match[0]);
    const href = webAddress(written) ?? mailAddress(written);
    if (!href) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: written, href });
    end = match.index + written.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

// The full stop of the sentence, and the bracket around the address, do not belong to it.
function withoutClosing(address) {
  let end = address.length;
  while (end > 0) {
    const last = address[end - 1];
    const opening = { ")": "(", "]": "[", "}": "{" }[last];
    const isBalanced =
      opening && address.slice(0, end).split(opening).length >= address.slice(0, end).split(last).length;
    if (isBalanced || !/[.,:;!?*_~)\]}]/.test(last)) break;
    end -= 1;
  }
  return address.slice(0, end);
}

function webAddress(text) {
  try {
    const { protocol, username, password, href } = new URL(text);
    // https://bank.example@evil.example reads as the wrong host.
    return /^https?:$/.test(protocol) && !username && !password ? href : null;
  } catch {
    return null;
  }
}

// The bare address: a subject, a copy or a text that somebody else has thought of is none of the reader's.
function mailAddress(text) {
  return /^https?:/i.test(text) ? null : `mailto:${text.replace(/^mailto:/i, "")}`;
}
