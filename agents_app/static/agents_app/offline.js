/** The view Left messages: what visitors wrote while nobody was there, to be answered by e-mail. */

import { formatAddress } from "./address.js";
import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import { formatDay, formatTime, safePageUrl, shortUrl } from "./format.js";
import { Latest } from "./latest.js";

// Windows hands programs no longer address than about 2000 characters; escaped, one can become nine.
const LONGEST_MAILTO = 1900;

/** The address that opens a mail program with an answer to `message`, which is quoted as far as it fits. */
export function answerAddress({ email, name, body, tenant_name: website }) {
  const at = email.lastIndexOf("@");
  const to = `${encodeURIComponent(email.slice(0, at))}@${encodeURIComponent(email.slice(at + 1))}`;
  const start = `mailto:${to}?subject=${encodeURIComponent(`Your message to ${website}`)}&body=`;
  const greeting = encodeURIComponent(name ? `Hello ${name},\r\n\r\n\r\n\r\n` : "\r\n\r\n\r\n\r\n");
  const quoted = body
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\r\n");
  const room = LONGEST_MAILTO - start.length - greeting.length;
  return start + greeting + encodedWithin(quoted, room);
}

/** `text` as a part of an address, cut between two characters to at most `room`. */
function encodedWithin(text, room) {
  let encoded = "";
  for (const character of text) {
    const next = encodeURIComponent(character);
    if (encoded.length + next.length > room - ELLIPSIS.length) return encoded + ELLIPSIS;
    encoded += next;
  }
  return encoded;
}

const ELLIPSIS = encodeURIComponent("…");

export class OfflineView {
  #state;
  #api;
  #base;
  #latest;
  #address = null;
  /** Messages whose change is on its way. */
  #busy = new Set();
  #refusal = "";

  constructor(state, { api, base }) {
    this.#state = state;
    this.#api = api;
    this.#base = base;
    this.#latest = new Latest({ ask: (query) => api.offlineMessages(query), onChange: () => this.render() });
    this.#byId("left-retry").addEventListener("click", () => this.refresh());
    this.#byId("left").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-done]");
      if (button) this.#mark(button.closest("[data-key]"), button.dataset.done === "true");
    });
  }

  show(address) {
    this.#address = address;
    const { done = "false", page = "1" } = address.filters;
    const query = new URLSearchParams({ done, page }).toString();
    if (query !== this.#latest.question) this.#latest.ask(query);
    this.render();
  }

  hide() {
    this.#address = null;
    this.#refusal = "";
    this.#latest.rest();
  }

  refresh() {
    this.#refusal = "";
    this.#latest.again();
  }

  beat() {}

  apply(type) {
    if (type === "offline.changed") this.#latest.againSoon();
  }

  render() {
    if (!this.#address) return;
    const { answer, isCurrent, isPending, problem } = this.#latest;
    const isDone = this.#address.filters.done === "true";
    const messages = isCurrent ? answer.messages : [];
    for (const [id, done] of [
      ["left-open", ""],
      ["left-done", "true"],
    ]) {
      const link = this.#byId(id);
      link.href = formatAddress(this.#base, { view: "messages", filters: { done } });
      if ((done === "true") === isDone) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const sentence = this.#refusal || problem?.message || "";
    this.#byId("left-problem").hidden = !sentence;
    setText(this.#byId("left-problem-text"), sentence);
    const none = isDone ? "No message has been answered yet." : "Nobody has left a message.";
    const loading = isPending && !isCurrent ? "Loading…" : "";
    setOptional(this.#byId("left-empty"), isCurrent && messages.length === 0 ? none : loading);
    reconcile(this.#byId("left-messages"), messages, {
      key: (message) => String(message.id),
      create: () => fromTemplate("left-template"),
      update: (node, message) => this.#update(node, message),
    });
    this.#renderPager(isCurrent ? answer : {});
  }

  #update(node, message) {
    const { now } = this.#state;
    setText(part(node, "name"), message.name || message.email);
    setText(part(node, "email"), message.name ? message.email : "");
    const time = part(node, "time");
    time.dateTime = message.created_at;
    setText(time, `${formatDay(message.created_at, now)}, ${formatTime(message.created_at)}`);
    setText(part(node, "website"), message.tenant_name);
    setText(part(node, "body"), message.body);
    const page = part(node, "page");
    const address = safePageUrl(message.page_url);
    page.hidden = !address;
    if (address) page.href = address;
    setText(page, address ? message.page_title || shortUrl(address) : "");
    part(node, "answer").href = answerAddress(message);
    const isDone = message.done_at !== null;
    const by = message.done_by ? ` by ${message.done_by}` : "";
    setOptional(part(node, "done"), isDone ? `Done ${formatDay(message.done_at, now)}${by}` : "");
    const button = part(node, "mark");
    setText(button, isDone ? "Reopen" : "Done");
    button.dataset.done = String(!isDone);
    button.disabled = this.#busy.has(message.id);
  }

  #renderPager({ page = 1, pages = 1 }) {
    const { filters } = this.#address;
    this.#byId("left-pager").hidden = pages < 2;
    setText(this.#byId("left-page"), `Page ${page} of ${pages}`);
    for (const [id, isShown, other] of [
      ["left-newer", page > 1, page - 1],
      ["left-older", page < pages, page + 1],
    ]) {
      this.#byId(id).hidden = !isShown;
      this.#byId(id).href = formatAddress(this.#base, {
        view: "messages",
        filters: { ...filters, page: other },
      });
    }
  }

  async #mark(row, isDone) {
    const id = Number(row.dataset.key);
    const rows = [...this.#byId("left-messages").children];
    const at = rows.indexOf(row);
    const others = [...rows.slice(at + 1), ...rows.slice(0, at).reverse()];
    this.#busy.add(id);
    this.#refusal = "";
    this.render();
    try {
      await this.#api.markOfflineMessage(id, isDone);
    } catch (error) {
      this.#refusal = error.message;
    }
    this.#busy.delete(id);
    this.render();
    // The row goes to the other list, and takes the button that had the focus along.
    const { activeElement } = document;
    if (activeElement === document.body || row.contains(activeElement)) {
      (this.#refusal ? markOf(row) : this.#nextOf(others)).focus();
    }
    await this.#latest.again();
  }

  /** Where one goes on: the nearest message that is still there, else the heading. */
  #nextOf(rows) {
    const buttons = rows.filter((row) => row.isConnected).map(markOf);
    return buttons.find((button) => !button.disabled) ?? this.#byId("left-title");
  }

  #byId(id) {
    return document.getElementById(id);
  }
}

function markOf(row) {
  return part(row, "mark");
}
