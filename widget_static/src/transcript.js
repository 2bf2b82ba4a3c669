import { element } from "./dom.js";
import { dayName, startOfDay, timeOfDay } from "./text.js";

const GROUPED_WITHIN_MS = 5 * 60_000;
const STUCK_TO_END_PX = 60;

/** The list of messages: keeps one element per message, and the reader's place. */
export class Transcript {
  /** `onRetry(clientMessageId)` when the visitor wants a failed text sent again; `texts` are Texts. */
  constructor({ texts, onRetry }) {
    this._texts = texts;
    this._onRetry = onRetry;
    this._write = (text) => [text];
    this._rows = new Map();
    this.node = element("ol", {
      class: "messages",
      "aria-live": "off",
      tabindex: "0",
    });
  }

  /** `chat` is a Chat; `welcome` the greeting that stands above its messages, `locale` that of the times. */
  render(chat, welcome, locale) {
    this.node.setAttribute("aria-label", this._texts.get("conversation"));
    this.change(() => this._update(chat, welcome, locale));
  }

  /** Changes the list by `action()`; whoever reads its end goes on reading it. */
  change(action) {
    const list = this.node;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < STUCK_TO_END_PX;
    if (action() || isAtEnd) this.scrollToEnd();
  }

  /** From now on texts are written by `write(text)`, which gives nodes and strings. */
  writeWith(write) {
    this._write = write;
    for (const row of this._rows.values()) row.look = null;
  }

  scrollToEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  // True when the visitor has written something new, wherever the list stands. Nodes at the end that are none
  // of its rows stay there.
  _update(chat, welcome, locale) {
    const list = this.node;
    const items = itemsOf(chat, welcome, this._texts, locale);
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
    return this._own && this._own !== ownBefore;
  }

  _row(item) {
    const look = JSON.stringify(item);
    const known = this._rows.get(item.key);
    if (known?.look === look) return known.node;
    const node = known?.node ?? element("li");
    this._draw(node, item);
    this._rows.set(item.key, { node, look });
    return node;
  }

  _draw(node, { kind, text, name, state, meta, problem, retry, follows, id }) {
    if (kind === "day" || kind === "system") {
      node.className = kind;
      node.dir = "auto";
      node.replaceChildren(text);
      return;
    }
    node.className = ["message", kind, state, follows && "follows"].filter(Boolean).join(" ");
    const bubble = element("div", { class: "bubble", dir: "auto" }, ...this._write(text));
    const below = meta && element("div", { class: "meta" }, meta);
    if (retry) {
      const onclick = () => this._onRetry(id);
      below.append(element("button", { class: "retry", type: "button", onclick }, retry));
    }
    if (problem) below.append(element("span", { class: "problem", dir: "auto" }, problem));
    const heading = name && !follows ? element("div", { class: "name", dir: "auto" }, name) : null;
    node.replaceChildren(...[heading, bubble, below].filter(Boolean));
  }
}

function itemsOf({ store, restoredAfter, phase }, welcome, texts, locale) {
  const items = [];
  if (welcome && !store.olderThan) items.push({ key: "welcome", kind: "agent", text: welcome });
  const now = new Date();
  let day = null;
  let before = null;
  const push = (item) => {
    if (startOfDay(item.at) !== day) {
      day = startOfDay(item.at);
      items.push({ key: `day ${day}`, kind: "day", text: dayName(item.at, now, texts) });
      before = null;
    }
    item.follows =
      before?.kind === item.kind && before.name === item.name && item.at - before.at < GROUPED_WITHIN_MS;
    item.meta = [timeOfDay(item.at, locale), item.state && texts.get(item.state)].filter(Boolean).join(" · ");
    items.push(item);
    before = item;
  };
  let isMarked = restoredAfter === null;
  const mark = () => {
    isMarked = true;
    before = null;
    items.push({ key: "restored", kind: "system", text: texts.get("restored") });
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
      retry: isFailed && phase !== "over" ? texts.get("retry") : undefined,
      id,
    });
  }
  return items;
}
