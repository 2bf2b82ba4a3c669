/** A chat as a row of a list: the queue's, mine, everybody's, the history's. */

import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import {
  formatSpan,
  heldText,
  initial,
  isOver,
  lastLine,
  presenceMark,
  shortDay,
  since,
  visitorName,
} from "./format.js";

/**
 * Shows `sessions` in `parent`. `href(session)` is a row's address, `note(session)` what stands below it; `drafts`
 * are Drafts.
 */
export function renderRows(parent, sessions, { state, drafts, href, note = () => "" }) {
  reconcile(parent, sessions, {
    key: (session) => session.session_id,
    create: () => fromTemplate("row-template"),
    update: (node, session) =>
      updateRow(node, session, { state, drafts, path: href(session), note: note(session) }),
  });
}

/**
 * What a row says below the name, `{kind, text}`: first what the agent still has to do there, then what the visitor
 * does, then what was said last. A draft in the open chat is on the screen anyway.
 */
export function rowLine(session, { state, drafts }) {
  const id = session.session_id;
  const unsent = state.unsent(id);
  if (unsent) return { kind: unsent, text: unsent === "failed" ? "Not sent" : "Sending…" };
  if (state.isTyping(id)) return { kind: "typing", text: "is typing…" };
  const draft = id === state.openId ? "" : (drafts.get(id) || drafts.get(id, "note")).trim();
  if (draft && !isOver(session)) return { kind: "draft", text: `Draft: ${draft}` };
  return { kind: "said", text: lastLine(session) };
}

function updateRow(node, session, { state, drafts, path, note }) {
  const id = session.session_id;
  const link = node.firstElementChild;
  if (link.getAttribute("href") !== path) link.setAttribute("href", path);
  if (id === state.openId) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");

  setText(part(node, "initial"), initial(session));
  setText(part(node, "name"), visitorName(session));
  part(node, "dot").hidden = isOver(session);
  part(node, "dot").dataset.presence = session.presence;
  const mark = state.isCutOff ? "" : presenceMark(session, state.now);
  // Said once: whoever is gone is told of with the time.
  const isTold = isOver(session) || (mark && session.presence === "gone");
  setText(part(node, "presence"), isTold || state.isCutOff ? "" : session.presence);
  setOptional(part(node, "mark"), mark || (!isOver(session) && state.isBack(id) ? "back" : ""));

  const waited = isOver(session) ? null : since(session.waiting_since, state.now);
  link.classList.toggle("is-waiting", waited !== null);
  const when = isOver(session) ? shortDay(session.closed_at, state.now) : "";
  setText(part(node, "wait"), waited === null ? when : formatSpan(waited));

  const line = rowLine(session, { state, drafts });
  part(node, "line").dataset.kind = line.kind;
  setText(part(node, "line"), line.text);
  const unread = state.isMine(session) ? state.unread(session) : 0;
  setOptional(part(node, "held"), heldText(session, state.now).replace("open ", ""));
  part(node, "noted").hidden = !state.hasUnseenNote(id);
  part(node, "bottom").hidden = isOver(session) && !line.text;
  const isNew = state.isNew(session);
  part(node, "new").hidden = !isNew;
  part(node, "unread").hidden = unread === 0;
  setText(part(node, "count"), String(unread));
  link.classList.toggle("is-unread", unread > 0 || isNew);

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
