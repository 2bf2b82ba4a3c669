import { element } from "./dom.js";
import { STRINGS } from "./strings.js";
import { dayName, pieces, startOfDay, timeOfDay } from "./text.js";

const GROUPED_WITHIN_MS = 5 * 60_000;
const STUCK_TO_END_PX = 60;

/** The list of messages: keeps one element per message, and the reader's place. */
export class Transcript {
  /** `onRetry(clientMessageId)` when the visitor wants a failed text sent again. */
  constructor({ onRetry }) {
    this._onRetry = onRetry;
    this._rows = new Map();
    this.node = element("ol", {
      class: "messages",
      "aria-live": "off",
      "aria-label": STRINGS.conversation,
      tabindex: "0",
    });
  }

  /** `chat` is a Chat; `welcome` the greeting that stands above its messages, or "". */
  render(chat, welcome) {
    const list = this.node;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < STUCK_TO_END_PX;
    const items = itemsOf(chat, welcome, new Date());
    const ownBefore = this._own;
    const { outbox } = chat.store;
    this._own = outbox[outbox.length - 1]?.client_message_id;
    const gone = new Set(this._rows.keys());
    let place = list.firstChild;
    for (const item of items) {
      gone.delete(item.key);
      const node = this._row(item);
      if (node === place) place = place.nextSibling;
      else list.insertBefore(node, place);
    }
    for (const key of gone) {
      this._rows.get(key).node.remove();
      this._rows.delete(key);
    }
    const hasNewOwn = this._own && this._own !== ownBefore;
    if (isAtEnd || hasNewOwn) this.scrollToEnd();
  }

  scrollToEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  _row(item) {
    const look = JSON.stringify([
      item.kind,
      item.text,
      item.state,
      item.follows,
      item.name,
      item.problem,
      item.canRetry,
    ]);
    const known = this._rows.get(item.key);
    if (known?.look === look) return known.node;
    const node = known?.node ?? element("li");
    this._draw(node, item);
    this._rows.set(item.key, { node, look });
    return node;
  }

  _draw(node, { kind, text, name, at, state, problem, follows, canRetry, id }) {
    if (kind === "day" || kind === "system") {
      node.className = kind;
      node.dir = "auto";
      node.replaceChildren(text);
      return;
    }
    node.className = ["message", kind, state, follows && "follows"].filter(Boolean).join(" ");
    if (state === "typing") {
      node.setAttribute("aria-hidden", "true");
      node.replaceChildren(element("div", { class: "bubble" }, element("i"), element("i"), element("i")));
      return;
    }
    const bubble = element("div", { class: "bubble", dir: "auto" }, ...pieces(text).map(pieceNode));
    const said = [
      at && timeOfDay(at),
      state && STRINGS[{ sending: "sending", failed: "notSent", sent: "sent" }[state]],
    ];
    const meta = element("div", { class: "meta" }, said.filter(Boolean).join(" · "));
    if (at) meta.title = at.toLocaleString();
    if (canRetry) {
      const retry = element(
        "button",
        { class: "retry", type: "button", onclick: () => this._onRetry(id) },
        STRINGS.retry,
      );
      meta.append(retry);
    }
    if (problem) meta.append(element("span", { class: "problem", dir: "auto" }, problem));
    const heading = name && !follows ? element("div", { class: "name", dir: "auto" }, name) : null;
    node.replaceChildren(...[heading, bubble, at || state ? meta : null].filter(Boolean));
  }
}

function pieceNode({ text, href }) {
  if (!href) return text;
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}

function itemsOf(chat, welcome, now) {
  const { store, restoredAfter, phase, talk } = chat;
  const items = [];
  if (welcome && !store.olderThan) items.push({ key: "welcome", kind: "agent", text: welcome });
  let day = null;
  let before = null;
  const push = (item) => {
    if (startOfDay(item.at) !== day) {
      day = startOfDay(item.at);
      items.push({ key: `day ${day}`, kind: "day", text: dayName(item.at, now, STRINGS, "en") });
      before = null;
    }
    item.follows =
      before?.kind === item.kind && before.name === item.name && item.at - before.at < GROUPED_WITHIN_MS;
    items.push(item);
    before = item;
  };
  let isMarked = restoredAfter === null;
  const mark = () => {
    isMarked = true;
    before = null;
    items.push({ key: "restored", kind: "system", text: STRINGS.restored });
  };
  for (const message of store.messages) {
    if (!isMarked && message.seq > restoredAfter) mark();
    const isVisitor = message.sender_type === "visitor";
    push({
      // Its own text keeps its element when it is acknowledged.
      key: isVisitor && message.client_message_id ? message.client_message_id : `seq ${message.seq}`,
      kind: message.message_type === "system" ? "system" : isVisitor ? "visitor" : "agent",
      text: message.body,
      name: isVisitor ? "" : message.sender_name,
      at: new Date(message.created_at),
      state: isVisitor ? "sent" : undefined,
    });
  }
  if (!isMarked) mark();
  for (const { client_message_id: id, body, state, error, created_at } of store.outbox) {
    const isFailed = state === "failed";
    push({
      key: id,
      kind: "visitor",
      text: body,
      name: "",
      at: new Date(created_at),
      state,
      problem: isFailed ? error?.message : undefined,
      canRetry: isFailed && phase !== "over",
      id,
    });
  }
  if (talk?.agentTyping) items.push({ key: "typing", kind: "agent", state: "typing" });
  return items;
}
