/** The open chat: its messages, notes, holds and the visitor's goings and comings, with what is still on its way. */

import { pieces } from "../widget/parts/links/pieces.js";
import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import { formatDay, formatSize, formatTime, isOver, asideText } from "./format.js";
import { Rows } from "./groups.js";

const NEAR_END_PX = 80;
const NEAR_BEGIN_PX = 400;
const LARGEST_PX = 280;

export class TranscriptView {
  #state;
  #uploads;
  #onOlder;
  #list = document.getElementById("messages");
  #scroller = document.getElementById("scroller");
  #older = document.getElementById("older");
  #newer = document.getElementById("newer");
  #typing = document.getElementById("typing");
  #announcer = document.getElementById("announcer");
  #shown = { id: null, seq: 0, notes: null };
  #followsEnd = true;
  // What each element shows: a long transcript is not written anew for one more message.
  #looks = new WeakMap();

  /**
   * `uploads` are Uploads. `onOlder()` asks for the page before; `onRetry(kind, id)` and `onRemove(kind, id)` get
   * what did not arrive: a "message", a "note" or an "upload".
   */
  constructor(state, { uploads, onOlder, onRetry, onRemove }) {
    this.#state = state;
    this.#uploads = uploads;
    this.#onOlder = onOlder;
    this.#newer.addEventListener("click", () => this.#scrollToEnd());
    this.#older.addEventListener("click", () => onOlder());
    this.#scroller.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
      this.#followsEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
      if (this.#followsEnd) this.#newer.hidden = true;
      this.#askOlder();
    });
    // The composer grows, the window shrinks: whoever reads the end goes on reading it.
    new ResizeObserver(() => this.#followsEnd && this.#scrollToEnd()).observe(this.#scroller);
    this.#list.addEventListener("click", ({ target }) => {
      const { kind, id } = target.closest("li")?.dataset ?? {};
      if (target.closest("[data-retry]")) onRetry(kind, id);
      if (target.closest("[data-remove]")) onRemove(kind, id);
    });
  }

  render() {
    const { openId, openChat } = this.#state;
    const isOther = openId !== this.#shown.id;
    const fresh = openChat.store.messages.filter(({ seq }) => seq > this.#shown.seq);
    const seenNotes = isOther ? null : this.#shown.notes;
    const freshNotes = seenNotes
      ? openChat.notes.filter(({ client_message_id: id }) => !seenNotes.has(id))
      : [];
    const pending = isOther ? Infinity : this.#list.querySelectorAll("[data-pending]").length;
    const keepPlace = this.#followsEnd || isOther ? null : this.#place();
    reconcile(this.#list, this.#items(), {
      key: ({ key }) => key,
      create: ({ template }) => fromTemplate(`${template}-template`),
      update: (node, item) => this.#update(node, item),
    });
    this.#renderOlder();
    this.tick();

    const wrote = this.#list.querySelectorAll("[data-pending]").length > pending;
    if (isOther || wrote || this.#followsEnd) this.#scrollToEnd();
    else {
      keepPlace();
      if (fresh.length || freshNotes.length) this.#newer.hidden = false;
    }
    // A chat's history is for reading, only what arrives while one looks is announced.
    if (!isOther && this.#shown.seq) this.#announce(fresh, freshNotes);
    this.#shown = {
      id: openId,
      seq: Math.max(isOther ? 0 : this.#shown.seq, openChat.store.lastSeq),
      notes: openChat.loaded ? new Set(openChat.notes.map((note) => note.client_message_id)) : null,
    };
    this.#askOlder();
  }

  /** What the clock alone changes: somebody who typed, and stopped. */
  tick() {
    const { openId } = this.#state;
    const isTyping = this.#state.isTyping(openId);
    const before = this.#typing.textContent;
    this.#typing.hidden = !isTyping;
    setText(part(this.#typing, "text"), isTyping ? "The visitor is typing…" : "");
    setOptional(part(this.#typing, "preview"), this.#state.typedText(openId));
    if (this.#followsEnd && this.#typing.textContent !== before) this.#scrollToEnd();
  }

  #renderOlder() {
    const { isLoadingOlder, openChat } = this.#state;
    this.#older.hidden = openChat.store.olderThan === null;
    setText(this.#older, isLoadingOlder ? "Loading older messages…" : "Load older messages");
  }

  /** Whoever comes near the beginning of what is here wants to read on. */
  #askOlder() {
    if (!this.#older.hidden && this.#scroller.scrollTop < NEAR_BEGIN_PX) this.#onOlder();
  }

  /** Remembers what stands at the top, and gives a function that puts it there again. */
  #place() {
    const { top } = this.#scroller.getBoundingClientRect();
    const anchor = [...this.#list.children].find((node) => node.getBoundingClientRect().bottom > top);
    const before = anchor?.getBoundingClientRect().top;
    return () => {
      if (!anchor?.isConnected) return;
      this.#scroller.scrollTop += anchor.getBoundingClientRect().top - before;
    };
  }

  #items() {
    const { asides, openId, openChat } = this.#state;
    const { store, noteOutbox } = openChat;
    const rows = new Rows();
    const newestOwn = store.messages.findLast(({ sender_type }) => sender_type === "agent");
    let next = 0;
    const placeAsides = (seq) => {
      for (; next < asides.length && asides[next].after_seq < seq; next += 1) {
        const { kind, at, note } = asides[next];
        if (note) rows.add("note", `note ${note.client_message_id}`, at, { note });
        else rows.add("system", `${kind} ${at}`, at, { entry: asides[next] });
      }
    };
    for (const message of store.messages) {
      placeAsides(message.seq);
      // By its client id, a message keeps its element when the acknowledgement arrives.
      const key = message.client_message_id ?? `seq ${message.seq}`;
      const template = message.sender_type === "system" ? "system" : "message";
      rows.add(template, key, message.created_at, { message, isNewestOwn: message === newestOwn });
    }
    placeAsides(Infinity);

    const name = this.#state.agent?.name ?? "";
    const pending = [
      ...store.outbox.map((entry) => {
        const message = { ...entry, sender_type: "agent", sender_name: name, pending: entry.state };
        return ["message", entry.client_message_id, entry.created_at, { message }];
      }),
      ...noteOutbox.map((entry) => {
        const note = { ...entry, author_name: name, pending: entry.state };
        return ["note", `note ${entry.client_message_id}`, entry.created_at, { note }];
      }),
      ...this.#uploads
        .of(openId)
        .map((upload) => ["upload", `upload ${upload.id}`, upload.created_at, { upload }]),
    ];
    pending.sort(([, , a], [, , b]) => Date.parse(a) - Date.parse(b));
    for (const row of pending) rows.add(...row);
    return rows.items;
  }

  #update(node, item) {
    const draw = this.#drawing(item);
    // What it says never changes under its key; what stands around it does.
    const look = JSON.stringify(draw.look);
    if (this.#looks.get(node) === look) return;
    this.#looks.set(node, look);
    draw(node);
  }

  #drawing({ template, at, day, isFirst, isFollowed, message, isNewestOwn, note, entry, upload }) {
    const drawing = (look, draw) => Object.assign(draw, { look });
    if (template === "day") {
      const text = formatDay(at, this.#state.now);
      return drawing(text, (node) => setText(part(node, "text"), text));
    }
    if (entry) {
      return drawing(day, (node) => {
        node.dataset.aside = entry.kind;
        setText(part(node, "body"), asideText(entry));
        showTime(node, at);
      });
    }
    if (upload)
      return drawing([upload.state, upload.progress, upload.problem], (node) => showUpload(node, upload));
    if (note) {
      const { pending, error } = note;
      return drawing([pending, error, at], (node) => this.#drawNote(node, note));
    }
    if (template === "system") {
      return drawing(day, (node) => {
        setText(part(node, "body"), message.body);
        showTime(node, at);
      });
    }
    const state = this.#stateText(message, isNewestOwn);
    const session = this.#state.summary(this.#state.openId);
    const canRetry = message.pending === "failed" && session && !isOver(session);
    return drawing([isFirst, isFollowed, message.pending, state, canRetry, message.seq], (node) => {
      const body = part(node, "body");
      if (message.attachment) showFile(body, message.attachment);
      else showText(body, message.body);
      showTime(node, at);
      // Below the group's last only; of the others it is told to a pointer, and to who listens.
      part(node, "time").classList.toggle("visually-hidden", Boolean(isFollowed));
      body.title = isFollowed ? formatTime(at) : "";
      node.dataset.kind = "message";
      node.dataset.sender = message.sender_type;
      node.classList.toggle("is-first", isFirst);
      setText(part(node, "sender"), message.sender_name);
      showPending(node, { id: message.client_message_id, pending: message.pending, state, canRetry });
    });
  }

  #drawNote(node, { client_message_id: id, author_name, body, created_at, pending, error }) {
    node.dataset.kind = "note";
    setText(part(node, "sender"), `Note · ${author_name}`);
    showText(part(node, "body"), body);
    showTime(node, created_at);
    const state = pendingText(pending, error);
    showPending(node, { id, pending, state, canRetry: pending === "failed" });
  }

  #stateText(message, isNewestOwn) {
    if (message.pending) return pendingText(message.pending, message.error);
    if (!isNewestOwn) return "";
    const seen = this.#state.summary(this.#state.openId)?.visitor_read_seq ?? 0;
    return message.seq <= seen ? "Seen" : "Sent";
  }

  #announce(messages, notes) {
    const latest = messages.filter((message) => message.sender_type !== "agent").at(-1);
    const note = notes.findLast(({ author_id }) => author_id !== this.#state.agent?.id);
    if (latest) {
      const who = latest.sender_type === "visitor" ? `${latest.sender_name || "Visitor"}: ` : "";
      setText(this.#announcer, who + latest.body);
    } else if (note) setText(this.#announcer, `Note of ${note.author_name}: ${note.body}`);
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#followsEnd = true;
    this.#newer.hidden = true;
  }
}

function pendingText(pending, error) {
  if (pending === "sending") return "Sending…";
  return pending === "failed" ? `Not sent. ${error?.message ?? ""}`.trim() : "";
}

function showPending(node, { id, pending, state, canRetry }) {
  node.dataset.id = id ?? "";
  node.toggleAttribute("data-pending", Boolean(pending));
  node.classList.toggle("is-failed", pending === "failed");
  setText(part(node, "state"), state);
  part(node, "retry").hidden = !canRetry;
}

function showTime(node, at) {
  const time = part(node, "time");
  time.dateTime = at;
  setText(time, formatTime(at));
}

/** Text with its addresses as links, each leading to where it says. */
function showText(body, text) {
  // It never changes, and is not taken from under the reader's selection.
  if (body.textContent === text) return;
  body.replaceChildren(
    ...pieces(text).map(({ text, href }) => {
      if (!href) return text;
      const link = Object.assign(document.createElement("a"), {
        href,
        target: "_blank",
        textContent: text,
        dir: "ltr",
      });
      link.rel = "noopener noreferrer nofollow";
      return link;
    }),
  );
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

function showUpload(node, { id, name, size, state, progress, problem, isFinal }) {
  node.dataset.kind = "upload";
  setText(part(node, "name"), name);
  setText(part(node, "size"), `(${formatSize(size)})`);
  const bar = part(node, "progress");
  bar.hidden = state !== "sending";
  bar.value = progress;
  bar.setAttribute("aria-label", `Sending ${name}`);
  const text = { waiting: "Waiting…", sending: "Sending…", failed: `Not sent. ${problem}` }[state];
  showPending(node, {
    id,
    pending: state === "failed" ? "failed" : "sending",
    state: text,
    canRetry: state === "failed" && !isFinal,
  });
}
