/** The right pane: who the visitor is, and whether they are there. */

import { part, setOptional, setText } from "./dom.js";
import {
  describeSpan,
  formatDay,
  formatSpan,
  formatTime,
  overText,
  presenceText,
  ratingText,
  safePageUrl,
  shortUrl,
  since,
  stageText,
  statusText,
  visitorName,
} from "./format.js";

export class VisitorPanel {
  #state;
  #panel = document.getElementById("visitor");

  constructor(state) {
    this.#state = state;
  }

  render() {
    const { openSession: session, now, agent } = this.#state;
    this.#panel.hidden = !session;
    if (!session) return;

    setText(document.getElementById("visitor-name"), visitorName(session));
    const presence = document.getElementById("visitor-presence");
    part(presence, "dot").dataset.presence = session.presence;
    setText(part(presence, "text"), presenceText(session, now));
    setOptional(document.getElementById("visitor-over"), `${overText(session)} ${stageText(session)}`.trim());

    this.#fact("email", session.customer_email);
    this.#fact("reference", session.conversation_id);
    this.#fact("status", statusText(session, agent?.id));
    this.#fact("locale", session.locale);
    this.#fact("tenant", session.tenant_name);
    this.#fact("started", this.#startedText(session));
    const waited = since(session.waiting_since, now);
    this.#fact("waited", waited === null || session.closed_at ? "" : formatSpan(waited));
    this.#fact("rating", ratingText(session));
    this.#page(session);
  }

  #startedText({ created_at, closed_at }) {
    const { now } = this.#state;
    const started = `${formatDay(created_at, now)}, ${formatTime(created_at)}`;
    if (closed_at)
      return `${started}, lasted ${describeSpan(Date.parse(closed_at) - Date.parse(created_at))}`;
    return `${started} (${describeSpan(since(created_at, now))} ago)`;
  }

  #fact(name, text) {
    const row = this.#panel.querySelector(`[data-fact="${name}"]`);
    setText(row.querySelector("dd"), text ?? "");
    row.hidden = !text;
  }

  #page({ page_url, page_title }) {
    const row = this.#panel.querySelector('[data-fact="page"]');
    const link = row.querySelector("a");
    const plain = row.querySelector("dd > span");
    row.hidden = !page_url && !page_title;
    const address = safePageUrl(page_url);
    link.hidden = !address;
    if (address) link.href = address;
    else link.removeAttribute("href");
    setText(link, address ? page_title || shortUrl(address) : "");
    if (address) link.title = address;
    setOptional(plain, address ? "" : page_title || page_url);
  }
}
