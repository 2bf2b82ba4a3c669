/** The messages of the open chat, with what is still on its way. */

import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import { formatDay, formatSize, formatTime, isOver } from "./format.js";

const NEAR_END_PX = 80;
const GROUP_MS = 5 * 60_000;
const LARGEST_PX = 280;

export class TranscriptView {
  #state;
  #list = document.getElementById("messages");
  #scroller = document.getElementById("scroller");
  #newer = document.getElementById("newer");
  #announcer = document.getElementById("announcer");
  #shown = { id: null, seq: 0 };
  #followsEnd = true;

  /** `onRetry` gets the client_message_id of the message to send again. */
  constructor(state, { onRetry }) {
    this.#state = state;
    this.#newer.addEventListener("click", () => this.#scrollToEnd());
    this.#scroller.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
      this.#followsEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
      if (this.#followsEnd) this.#newer.hidden = true;
    });
    // The composer grows, the window shrinks: whoever reads the end goes on reading it.
    new ResizeObserver(() => this.#followsEnd && this.#scrollToEnd()).observe(this.#scroller);
    this.#list.addEventListener("click", (event) => {
      if (event.target.closest("[data-retry]")) onRetry(event.target.closest("li").dataset.clientMessageId);
    });
  }

  render() {
    const { openId, openChat } = this.#state;
    const isOther = openId !== this.#shown.id;
    const fresh = openChat.store.messages.filter(({ seq }) => seq > this.#shown.seq);
    const outbox = this.#list.querySelectorAll("[data-pending]").length;
    reconcile(this.#list, this.#items(), {
      key: ({ key }) => key,
      create: ({ kind }) => fromTemplate(`${kind}-template`),
      update: (node, item) => this.#update(node, item),
    });
    this.tick();

    const wrote = openChat.store.outbox.length > outbox;
    if (isOther || wrote || this.#followsEnd) this.#scrollToEnd();
    else if (fresh.length) this.#newer.hidden = false;
    // A chat's history is for reading, only what arrives while one looks is announced.
    if (!isOther && this.#shown.seq) this.#announce(fresh);
    this.#shown = { id: openId, seq: Math.max(isOther ? 0 : this.#shown.seq, openChat.store.lastSeq) };
  }

  /** What the clock alone changes: somebody who typed, and stopped. */
  tick() {
    const isTyping = this.#state.isTyping(this.#state.openId);
    setOptional(document.getElementById("typing"), isTyping ? "The visitor is typing…" : "");
  }

  #items() {
    const { store } = this.#state.openChat;
    const newestOwn = store.messages.findLast(({ sender_type }) => sender_type === "agent");
    const items = [];
    let before = null;
    const place = (message, kind, key) => {
      const day = new Date(message.created_at).toDateString();
      if (!before || new Date(before.created_at).toDateString() !== day) {
        items.push({ kind: "day", key: `day ${day}`, message });
      }
      items.push({
        kind,
        key,
        message,
        isFirst: !continues(before, message),
        isNewestOwn: message === newestOwn,
      });
      before = message;
    };
    for (const message of store.messages) {
      // By its client id, a message keeps its element when the acknowledgement arrives.
      const key = message.client_message_id ?? `seq ${message.seq}`;
      place(message, message.sender_type === "system" ? "system" : "message", key);
    }
    for (const entry of store.outbox) {
      const message = {
        ...entry,
        sender_type: "agent",
        sender_name: this.#state.agent?.name ?? "",
        pending: entry.state,
      };
      place(message, "message", entry.client_message_id);
    }
    return items;
  }

  #update(node, item) {
    const { kind, message } = item;
    if (kind === "day") {
      setText(part(node, "text"), formatDay(message.created_at, this.#state.now));
      return;
    }
    if (message.attachment) showFile(part(node, "body"), message.attachment);
    else setText(part(node, "body"), message.body);
    const time = part(node, "time");
    if (time.dateTime !== message.created_at) {
      time.dateTime = message.created_at;
      setText(time, formatTime(message.created_at));
    }
    if (kind === "message") this.#updateMessage(node, item);
  }

  #updateMessage(node, { message, isFirst, isNewestOwn }) {
    node.dataset.sender = message.sender_type;
    node.dataset.clientMessageId = message.client_message_id ?? "";
    node.toggleAttribute("data-pending", Boolean(message.pending));
    node.classList.toggle("is-first", isFirst);
    node.classList.toggle("is-failed", message.pending === "failed");
    setText(part(node, "sender"), message.sender_name);
    setText(part(node, "state"), this.#stateText(message, isNewestOwn));
    const session = this.#state.summary(this.#state.openId);
    part(node, "retry").hidden = message.pending !== "failed" || !session || isOver(session);
  }

  #stateText(message, isNewestOwn) {
    if (message.pending === "sending") return "Sending…";
    if (message.pending === "failed") return `Not sent. ${message.error?.message ?? ""}`.trim();
    if (!isNewestOwn) return "";
    const seen = this.#state.summary(this.#state.openId)?.visitor_read_seq ?? 0;
    return message.seq <= seen ? "Seen" : "Sent";
  }

  #announce(messages) {
    const latest = messages.filter((message) => message.sender_type !== "agent").at(-1);
    if (!latest) return;
    const who = latest.sender_type === "visitor" ? `${latest.sender_name || "Visitor"}: ` : "";
    setText(this.#announcer, who + latest.body);
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#followsEnd = true;
    this.#newer.hidden = true;
  }
}

/** A picture by its thumbnail, any other file by its name; either leads to the file. */
function showFile(body, { name, size, url, thumbnail }) {
  if (body.querySelector("a")?.getAttribute("href") === url) return;
  const link = Object.assign(document.createElement("a"), { target: "_blank", rel: "noopener noreferrer" });
  link.setAttribute("href", url);
  if (thumbnail) {
    const picture = Object.assign(document.createElement("img"), { src: thumbnail.url, alt: name });
    // Its place is there before the picture is: the reader's must not move.
    const scale = Math.min(1, LARGEST_PX / Math.max(thumbnail.width, thumbnail.height));
    picture.width = Math.ceil(thumbnail.width * scale);
    picture.height = Math.ceil(thumbnail.height * scale);
    link.append(picture);
  } else {
    const label = document.createElement("bdi");
    label.textContent = name;
    link.append(label, ` (${formatSize(size)})`);
  }
  link.className = thumbnail ? "file-picture" : "file-name";
  body.replaceChildren(link);
}

/** Whether the sender goes on, so that the name need not be said again. */
function continues(before, message) {
  return (
    before?.sender_type === message.sender_type &&
    before.sender_name === message.sender_name &&
    Date.parse(message.created_at) - Date.parse(before.created_at) < GROUP_MS
  );
}
