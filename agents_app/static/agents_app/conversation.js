/** The middle pane: the open chat's heading, what can be done with it, and why not. */

import { setOptional, setText } from "./dom.js";
import {
  describeSpan,
  heldText,
  invitationText,
  isOver,
  lastPresenceText,
  othersTypingText,
  overText,
  presenceMark,
  presenceText,
  since,
  visitorName,
} from "./format.js";

const HOLD_MINUTES = 60;

export class ConversationView {
  /** What to do where no chat is open; without it, the queue says so. */
  invitation = "";

  #state;
  #composer;
  #transcript;
  #colleagues;
  #drafts;
  #isBusy = false;
  // {id, held}: what was last told of the hold.
  #told = {};
  // {id, isNetwork, standing}: what the sentence is about, null without one.
  #notice = null;

  /**
   * `onAccept(id)`, `onTakeOver(id)`, `onTransfer(session)`, `onEnd(id)` and `onHold(id, minutes)` are what the agent
   * decides.
   */
  constructor(
    state,
    { composer, transcript, colleagues, drafts, onAccept, onTakeOver, onTransfer, onEnd, onHold },
  ) {
    this.#state = state;
    this.#composer = composer;
    this.#transcript = transcript;
    this.#colleagues = colleagues;
    this.#drafts = drafts;
    this.#byId("accept").addEventListener("click", () => onAccept(state.openId));
    this.#byId("take-over").addEventListener("click", () => onTakeOver(state.openId));
    this.#byId("transfer").addEventListener("click", () => onTransfer(state.openSession));
    this.#byId("write-note").addEventListener("click", () => this.#toggleNote());
    this.#byId("notice-close").addEventListener("click", () => this.#closeNotice());
    this.#byId("kept-copy").addEventListener("click", () => this.#copyKept());
    for (const id of ["hold", "keep"]) {
      this.#byId(id).addEventListener("click", () => onHold(state.openId, HOLD_MINUTES));
    }
    this.#byId("let-go").addEventListener("click", () => onHold(state.openId, 0));
    const dialog = this.#byId("end-dialog");
    let ending = null;
    this.#byId("end").addEventListener("click", () => {
      ending = state.openId;
      dialog.returnValue = "keep";
      dialog.showModal();
    });
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "end") onEnd(ending);
    });
  }

  /** While a decision is on its way to the server, it cannot be taken again. */
  set isBusy(isBusy) {
    this.#isBusy = isBusy;
    this.render();
  }

  /**
   * A sentence about chat `id`, shown with it until it is dismissed, another one comes, or the chat has moved on;
   * `isNetwork` says that it is over with the next connection.
   */
  notify(id, text, { isNetwork = false } = {}) {
    this.#notice = id && { id, isNetwork, standing: standingOf(this.#state.summary(id)) };
    setText(this.#byId("notice-text"), text);
    this.render();
  }

  /** The server is there (again). */
  connected() {
    if (this.#notice?.isNetwork) this.#notice = null;
  }

  focus() {
    if (this.#composer.isShown && this.#state.openSession) this.#composer.focus();
    else this.#byId("chat-title").focus();
  }

  /** Whoever pressed one button of the hold goes on with the one that takes its place; who did not, stays. */
  holdFocus() {
    const buttons = ["hold", "keep", "let-go"].map((id) => this.#byId(id));
    if (!buttons.includes(document.activeElement)) return () => {};
    // On a narrow screen it may be in the other pane.
    const places = [...buttons, this.#byId("chat-title"), this.#byId("details-close")];
    return () => places.find((node) => node.checkVisibility())?.focus();
  }

  render() {
    const { openId, openSession: session } = this.#state;
    this.#byId("chat").hidden = !session;
    this.#byId("placeholder").hidden = Boolean(session);
    if (!session) {
      this.#renderPlaceholder();
      return;
    }
    const isAboutThis = this.#notice?.id === openId;
    if (isAboutThis && this.#notice.standing !== standingOf(session)) this.#notice = null;
    this.#byId("notice").hidden = !isAboutThis || !this.#notice;
    this.#composer.render(openId, this.#state.isMine(session));
    this.#renderHeading(session);
    this.#transcript.render();
    this.#renderFooter(session);
  }

  /** What the clock alone changes. */
  tick() {
    const { openSession } = this.#state;
    if (!openSession) return;
    if (this.#isColleagues(openSession)) this.#colleagues.keepFresh();
    this.#renderHeading(openSession);
    this.#renderFooter(openSession);
    this.#transcript.tick();
  }

  #renderHeading(session) {
    setText(this.#byId("chat-title"), visitorName(session));
    const tell = this.#state.isCutOff ? lastPresenceText : presenceText;
    setText(this.#byId("chat-subtitle"), tell(session, this.#state.now));
    const isMine = this.#state.isMine(session);
    const mayDecide = isMine || this.#mayTakeOver(session);
    const isQueued = session.status === "queued";
    this.#byId("transfer").hidden = isQueued ? !this.#state.agent?.is_supervisor : !mayDecide;
    setText(this.#byId("transfer-label"), isQueued ? "Assign…" : "Transfer…");
    this.#byId("end").hidden = !mayDecide && !isQueued;
    const mayHold = mayDecide || isQueued;
    const held = heldText(session, this.#state.now);
    // Beside the visitor's name, until something threatens to take the chat.
    const isEnding = presenceMark(session, this.#state.now) !== "";
    this.#byId("hold").hidden = !mayHold || Boolean(held) || !isEnding;
    this.#byId("keep").hidden = !mayHold || Boolean(held) || isEnding;
    this.#byId("let-go").hidden = !mayHold || !held;
    for (const id of ["transfer", "end", "hold", "keep", "let-go"]) this.#byId(id).disabled = this.#isBusy;
    this.#announceHold(session, held);
  }

  /** Also when a colleague has decided it, and when its time is over. */
  #announceHold({ session_id: id }, held) {
    if (this.#told.id === id && this.#told.held !== held) {
      const text = held ? `${held[0].toUpperCase()}${held.slice(1)}.` : "No longer held open.";
      setText(this.#byId("announcer"), text);
    }
    this.#told = { id, held };
  }

  #renderPlaceholder() {
    const [title, text] = this.#placeholder();
    setText(this.#byId("placeholder-title"), title);
    setOptional(this.#byId("placeholder-text"), text);
    const kept = this.#keptText();
    this.#byId("kept").hidden = !kept;
    if (this.#byId("kept-text").value !== kept) this.#byId("kept-text").value = kept;
  }

  #placeholder() {
    const { openChat, loaded, queue, unanswered } = this.#state;
    if (openChat?.problem) {
      if (openChat.problem.code !== "session_not_found")
        return ["This chat cannot be shown", openChat.problem.message];
      return this.#isRightLost(openChat)
        ? ["No access any more", "You no longer have access to this website's chats."]
        : ["No such chat", "It does not exist, or it belongs to a website that is not yours."];
    }
    if (openChat || !loaded) return ["Loading…", ""];
    if (this.invitation) return ["Choose a chat", this.invitation];
    return invitationText({ unanswered, queued: queue.length });
  }

  /** Whether it was shown here, as a chat of a website that is not the agent's any more. */
  #isRightLost({ session }) {
    const { tenants = [] } = this.#state.agent ?? {};
    return session !== null && !tenants.some(({ slug }) => slug === session.tenant_id);
  }

  /** What was written in a chat that is not shown any more: a right that is taken away takes no text along. */
  #keptText() {
    const { openChat, openId } = this.#state;
    if (!openChat?.problem) return "";
    const unsent = [...openChat.store.outbox, ...openChat.noteOutbox].map(({ body }) => body);
    return [...unsent, this.#drafts.get(openId), this.#drafts.get(openId, "note")]
      .filter(Boolean)
      .join("\n\n");
  }

  async #copyKept() {
    const field = this.#byId("kept-text");
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      setText(this.#byId("kept-copy"), "Copied");
    } catch {
      setText(this.#byId("kept-copy"), "Press Ctrl+C");
    }
  }

  #renderFooter(session) {
    const others = this.#state.colleaguesTyping(session.session_id);
    setText(this.#byId("others-typing"), othersTypingText(others, this.#composer.isBegun));
    const isMine = this.#state.isMine(session);
    this.#byId("decision").hidden = isMine;
    setText(this.#byId("decision-text"), isMine ? "" : this.#decisionText(session));
    this.#byId("accept").hidden = session.status !== "queued";
    this.#byId("take-over").hidden = !this.#mayTakeOver(session);
    for (const id of ["accept", "take-over"]) this.#byId(id).disabled = this.#isBusy;
    const { isShown, isEmptyNote } = this.#composer;
    this.#byId("write-note").hidden = isShown && !isEmptyNote;
    this.#byId("write-note").setAttribute("aria-expanded", String(isShown));
    setText(this.#byId("write-note"), isShown ? "No note" : "Add a note");
  }

  #decisionText(session) {
    if (isOver(session)) return overText(session, this.#state.now);
    if (session.status === "queued") {
      return session.waiting_since ? "Waiting for an agent." : "The visitor has not written yet.";
    }
    const name = session.agent_name || "Another agent";
    const holder = this.#colleagues.holder(session);
    if (!this.#colleagues.isAbsent(holder)) return `${name} has this chat.`;
    const gone = since(holder.last_seen_at, this.#state.now);
    const seen =
      gone === null ? "has never opened the console" : `closed the console ${describeSpan(gone)} ago`;
    return `${name} has this chat, but ${seen}.`;
  }

  #isColleagues(session) {
    return session.status === "active" && !this.#state.isMine(session);
  }

  /** What a colleague has left, anybody may take; a supervisor may always. */
  #mayTakeOver(session) {
    if (!this.#isColleagues(session)) return false;
    return (
      Boolean(this.#state.agent?.is_supervisor) || this.#colleagues.isAbsent(this.#colleagues.holder(session))
    );
  }

  #toggleNote() {
    if (this.#composer.isEmptyNote) this.#composer.closeNote();
    else this.#composer.switchTo("note");
  }

  #closeNotice() {
    this.#notice = null;
    this.render();
    this.focus();
  }

  #byId(id) {
    return document.getElementById(id);
  }
}

/** Where a chat stands, to be compared. */
function standingOf(session) {
  return session && `${session.status} ${session.assigned_to_id}`;
}
