/** The right pane: who the visitor is, whether they are there, where they have been. */

import { browserName } from "./browser_name.js";
import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import {
  describeSpan,
  formatDay,
  formatSpan,
  formatTime,
  isOver,
  languageName,
  lastLine,
  lastPresenceText,
  localTime,
  outcomeText,
  overText,
  presenceText,
  ratingText,
  safePageUrl,
  shortUrl,
  since,
  stageText,
  statusText,
  asideText,
  visitorName,
} from "./format.js";

const SHOWN_PAGES = 6;

export class VisitorPanel {
  #state;
  #base;
  #tags;
  #load;
  #panel = document.getElementById("visitor");
  #all = document.getElementById("trail-all");
  #loading = null;
  #problem = "";
  #shown = {};
  #isWhole = false;

  /** `base` is the console's address; `tags` a TagsEditor; `load(id)` asks for what `sessions/{id}/visitor` tells. */
  constructor(state, { base, tags, load }) {
    this.#state = state;
    this.#base = base;
    this.#tags = tags;
    this.#load = load;
    this.#all.addEventListener("click", () => {
      this.#isWhole = true;
      this.#shown = {};
      this.render();
    });
    document.getElementById("visitor-retry").addEventListener("click", () => {
      this.#problem = "";
      this.#ask(this.#state.openId);
    });
  }

  render() {
    const { openSession: session, openId, openChat, now, agent } = this.#state;
    this.#panel.hidden = !session;
    if (!session) return;
    if (openId !== this.#shown.id) this.#isWhole = false;
    if (this.#state.needsVisitor(openId)) this.#ask(openId);

    setText(document.getElementById("visitor-name"), visitorName(session));
    const presence = document.getElementById("visitor-presence");
    part(presence, "dot").dataset.presence = session.presence;
    const tell = this.#state.isCutOff ? lastPresenceText : presenceText;
    setText(part(presence, "text"), tell(session, now));
    setOptional(document.getElementById("visitor-over"), `${overText(session, now)} ${stageText(session)}`.trim());

    const visitor = openChat?.visitor ?? {};
    this.#fact("email", session.customer_email);
    this.#fact("reference", session.conversation_id);
    this.#fact("status", statusText(session, agent?.id));
    this.#fact("locale", languageName(session.locale || visitor.locale || ""));
    this.#fact("time", localTime(visitor.timezone, now));
    this.#fact("browser", visitor.user_agent ? browserName(visitor.user_agent) : "");
    this.#panel.querySelector('[data-fact="browser"] dd').title = visitor.user_agent ?? "";
    this.#fact("tenant", session.tenant_name);
    this.#fact("started", this.#startedText(session));
    const waited = since(session.waiting_since, now);
    this.#fact("waiting", waited === null || session.closed_at ? "" : formatSpan(waited));
    this.#fact("rating", ratingText(session));
    this.#fact("outcome", outcomeText(visitor.previous_outcome));
    this.#explain(visitor.explanation);
    const { page_url, page_title } = session;
    this.#link(isOver(session) ? "last-page" : "page", page_url, page_title);
    this.#link(isOver(session) ? "page" : "last-page", "");
    this.#link("referrer", visitor.referrer);
    const began = visitor.started_page ?? {};
    this.#link("first-page", began.url === session.page_url ? "" : began.url, began.title);
    this.#tags.render(session);
    this.#renderVisitor(openId, openChat?.visitor);
    setOptional(document.getElementById("visitor-problem"), this.#problem);
    document.getElementById("visitor-retry").hidden = !this.#problem;
  }

  async #ask(id) {
    if (this.#loading === id) return;
    this.#loading = id;
    try {
      const visitor = await this.#load(id);
      this.#state.setVisitor(id, visitor);
      this.#problem = "";
    } catch (error) {
      this.#state.setVisitor(id, null);
      if (id === this.#state.openId)
        this.#problem = `The visitor's pages could not be loaded. ${error.message}`;
    } finally {
      if (this.#loading === id) this.#loading = null;
    }
    this.render();
  }

  /** What changes seldom is not written each second. */
  #renderVisitor(id, visitor) {
    if (this.#shown.id === id && this.#shown.visitor === visitor) return;
    this.#shown = { id, visitor };
    const trail = [...(visitor?.trail ?? [])].reverse();
    const shown = this.#isWhole ? trail : trail.slice(0, SHOWN_PAGES);
    document.getElementById("trail-section").hidden = !trail.length;
    this.#all.hidden = shown.length === trail.length;
    setText(this.#all, `Show all ${trail.length}`);
    reconcile(document.getElementById("trail"), shown, {
      key: ({ kind, at }) => `${kind} ${at}`,
      create: () => fromTemplate("step-template"),
      update: (node, entry) => {
        node.dataset.kind = entry.kind;
        const time = part(node, "time");
        time.dateTime = entry.at;
        setText(time, formatTime(entry.at));
        if (entry.kind === "page") showPage(part(node, "page"), entry.url, entry.title);
        else setText(part(node, "page"), asideText(entry));
      },
    });
    const earlier = visitor?.earlier ?? [];
    document.getElementById("earlier-section").hidden = !earlier.length;
    reconcile(document.getElementById("earlier"), earlier, {
      key: (session) => session.session_id,
      create: () => fromTemplate("earlier-template"),
      update: (node, session) => {
        const link = part(node, "link");
        link.setAttribute("href", `${this.#base}chats/${encodeURIComponent(session.session_id)}/`);
        setText(link, `${formatDay(session.created_at, this.#state.now)}, ${formatTime(session.created_at)}`);
        const about = [statusText(session, this.#state.agent?.id), stageText(session)]
          .filter(Boolean)
          .join(". ");
        setText(part(node, "about"), about);
        setText(part(node, "match"), session.match === "email" ? "Same e-mail" : "Same browser");
        setOptional(part(node, "line"), lastLine(session));
      },
    });
  }

  #explain(told) {
    const waited = told?.waited_ms ?? null;
    this.#fact("waited", waited === null ? "" : formatSpan(waited));
    this.#fact("position", told?.queue_position ? `${told.queue_position} in the queue` : "");
  }

  #startedText({ created_at, closed_at }) {
    const { now } = this.#state;
    const started = `${formatDay(created_at, now)}, ${formatTime(created_at)}`;
    if (closed_at)
      return `${started}, lasted ${describeSpan(Date.parse(closed_at) - Date.parse(created_at))}`;
    return `${started} (${describeSpan(since(created_at, now))} ago)`;
  }

  #fact(name, text) {
    const row = this.#row(name);
    setText(row.querySelector("dd"), text ?? "");
    row.hidden = !text;
  }

  #link(name, url, title) {
    const row = this.#row(name);
    row.hidden = !url;
    showPage(row.querySelector("dd"), url, title);
  }

  #row(name) {
    return this.#panel.querySelector(`[data-fact="${name}"]`);
  }
}

/** A page as a link, where its address is safe to follow; else as words. */
function showPage(place, url, title) {
  const address = safePageUrl(url);
  const text = title || (address ? shortUrl(address) : (url ?? ""));
  const shown = place.firstElementChild;
  if (shown && (shown.getAttribute("href") ?? "") === (address ?? "") && shown.textContent === text) return;
  const node = document.createElement(address ? "a" : "span");
  node.dir = "auto";
  node.textContent = text;
  if (address)
    Object.assign(node, { href: address, title: address, target: "_blank", rel: "noopener noreferrer" });
  place.replaceChildren(node);
}
