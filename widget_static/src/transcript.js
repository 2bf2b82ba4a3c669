import { element } from "./dom.js";
import { wordsOf } from "./text.js";

const STUCK_TO_END_PX = 60;

/** The list of messages: keeps one element per message, and the reader's place. */
export class Transcript {
  /** `texts` are Texts. */
  constructor(texts) {
    this._texts = texts;
    this._improved = { write: (text) => [text], arrange: (items) => items, draw: () => {} };
    this._rows = new Map();
    this.node = element("ol", {
      class: "messages",
      "aria-live": "off",
      tabindex: "0",
    });
  }

  /** `chat` is a Chat; `welcome` the greeting that stands above its messages. */
  render(chat, welcome) {
    this.node.setAttribute("aria-label", this._texts.get("conversation"));
    this.change(() => this._update(chat, welcome));
  }

  /** Changes the list by `action()`; whoever reads its end goes on reading it. */
  change(action) {
    const list = this.node;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < STUCK_TO_END_PX;
    if (action() || isAtEnd) this.scrollToEnd();
  }

  /**
   * From now on texts are written by `write(text)`, which gives nodes and strings; `arrange(items)` gives the
   * items as they shall stand; `draw(node, item)` adds to what has been drawn. Each can be left out.
   */
  improve(improvements) {
    Object.assign(this._improved, improvements);
    for (const row of this._rows.values()) row.look = null;
  }

  scrollToEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  // True when the visitor has written something new, wherever the list stands. Nodes at the end that are none
  // of its rows stay there.
  _update(chat, welcome) {
    const list = this.node;
    const items = this._improved.arrange(itemsOf(chat, welcome, this._texts));
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
    this._improved.draw(node, item);
    this._rows.set(item.key, { node, look });
    return node;
  }

  _draw(node, { kind, text, name, state, meta }) {
    if (kind === "day" || kind === "system") {
      node.className = kind;
      node.dir = "auto";
      node.replaceChildren(text);
      return;
    }
    node.className = `message ${kind} ${state ?? ""}`;
    const bubble = element("div", { class: "bubble", dir: "auto" }, ...this._improved.write(text));
    const heading = name && element("div", { class: "name", dir: "auto" }, name);
    const below = meta && element("div", { class: "meta" }, meta);
    node.replaceChildren(...[heading, bubble, below].filter(Boolean));
  }
}

function itemsOf({ store }, welcome, texts) {
  const items = [];
  if (welcome && !store.olderThan) items.push({ key: "welcome", kind: "agent", text: welcome });
  const push = (item) => {
    item.meta = item.state && texts.get(item.state);
    items.push(item);
  };
  for (const message of store.messages) {
    const isVisitor = message.sender_type === "visitor";
    push({
      // Its own text keeps its element when it is acknowledged.
      key: isVisitor && message.client_message_id ? message.client_message_id : `seq ${message.seq}`,
      kind: message.message_type === "system" ? "system" : isVisitor ? "visitor" : "agent",
      text: wordsOf(message, texts),
      name: isVisitor ? "" : message.sender_name,
      at: new Date(message.created_at),
      seq: message.seq,
      attachment: message.attachment,
      state: isVisitor ? (message.seq <= store.readSeq ? "read" : "sent") : undefined,
    });
  }
  for (const { client_message_id: id, body, state, error, created_at } of store.outbox) {
    push({
      key: id,
      kind: "visitor",
      text: body,
      name: "",
      at: new Date(created_at),
      state,
      error,
    });
  }
  return items;
}
