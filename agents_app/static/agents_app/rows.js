/** A chat as a row of a list: the queue's, mine, everybody's, the history's. */

import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import { formatSpan, initial, isOver, lastLine, shortDay, since, visitorName } from "./format.js";

/** Shows `sessions` in `parent`. `href(session)` is a row's address, `note(session)` what stands below it. */
export function renderRows(parent, sessions, { state, href, note = () => "" }) {
  reconcile(parent, sessions, {
    key: (session) => session.session_id,
    create: () => fromTemplate("row-template"),
    update: (node, session) => updateRow(node, session, { state, path: href(session), note: note(session) }),
  });
}

function updateRow(node, session, { state, path, note }) {
  const id = session.session_id;
  const link = node.firstElementChild;
  if (link.getAttribute("href") !== path) link.setAttribute("href", path);
  if (id === state.openId) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");

  setText(part(node, "initial"), initial(session));
  setText(part(node, "name"), visitorName(session));
  part(node, "dot").hidden = isOver(session);
  part(node, "dot").dataset.presence = session.presence;
  setText(part(node, "presence"), isOver(session) ? "" : session.presence);

  const waited = isOver(session) ? null : since(session.waiting_since, state.now);
  link.classList.toggle("is-waiting", waited !== null);
  const when = isOver(session) ? shortDay(session.closed_at, state.now) : "";
  setText(part(node, "wait"), waited === null ? when : formatSpan(waited));

  const isTyping = state.isTyping(id);
  const line = part(node, "line");
  line.classList.toggle("is-typing", isTyping);
  // How a chat ended is its last line, too, and the note says it in fewer words.
  const isToldBelow = isOver(session) && session.last_message?.sender_type === "system";
  setText(line, isTyping ? "is typing…" : isToldBelow ? "" : lastLine(session));
  part(node, "bottom").hidden = isToldBelow;

  const unread = state.isMine(session) ? state.unread(session) : 0;
  part(node, "unread").hidden = unread === 0;
  setText(part(node, "count"), String(unread));
  link.classList.toggle("is-unread", unread > 0);

  setOptional(part(node, "note"), note);
  setTags(part(node, "tags"), note ? (session.tags ?? []) : []);
}

function setTags(parent, tags) {
  parent.hidden = tags.length === 0;
  reconcile(parent, tags, {
    key: (tag) => tag,
    create: () => Object.assign(document.createElement("span"), { className: "tag", dir: "auto" }),
    update: setText,
  });
}
