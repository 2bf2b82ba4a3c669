/** The middle pane: the open chat's heading, what can be done with it, and why not. */

import { setOptional, setText } from "./dom.js";
import { isOver, overText, presenceText, visitorName } from "./format.js";

export class ConversationView {
  #state;
  #composer;
  #transcript;
  #isBusy = false;
  #noticeOf = null;

  constructor(state, { composer, transcript, onAccept, onEnd }) {
    this.#state = state;
    this.#composer = composer;
    this.#transcript = transcript;
    this.#byId("accept").addEventListener("click", () => onAccept(state.openId));
    this.#byId("notice-close").addEventListener("click", () => this.#closeNotice());
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

  /** A sentence about chat `id`, shown with it until it is dismissed or another one comes. */
  notify(id, text) {
    this.#noticeOf = id;
    setText(this.#byId("notice-text"), text);
    this.render();
  }

  focus() {
    if (this.#byId("composer").hidden) this.#byId("chat-title").focus();
    else this.#composer.focus();
  }

  render() {
    const { openId, openSession: session } = this.#state;
    this.#byId("chat").hidden = !session;
    this.#byId("placeholder").hidden = Boolean(session);
    if (!session) {
      this.#renderPlaceholder();
      return;
    }
    this.#renderHeading(session);
    this.#byId("notice").hidden = this.#noticeOf !== openId;
    this.#transcript.render();
    this.#renderDecision(session);
    this.#composer.render(openId, this.#state.isMine(session));
  }

  /** What the clock alone changes. */
  tick() {
    const { openSession } = this.#state;
    if (!openSession) return;
    this.#renderHeading(openSession);
    this.#transcript.tick();
  }

  #renderHeading(session) {
    setText(this.#byId("chat-title"), visitorName(session));
    setText(this.#byId("chat-subtitle"), presenceText(session, this.#state.now));
    this.#byId("end").hidden = !this.#state.isMine(session);
    this.#byId("end").disabled = this.#isBusy;
  }

  #renderPlaceholder() {
    const [title, text] = this.#placeholder();
    setText(this.#byId("placeholder-title"), title);
    setOptional(this.#byId("placeholder-text"), text);
  }

  #placeholder() {
    const { openChat, loaded, queue } = this.#state;
    if (openChat?.problem) {
      return openChat.problem.code === "session_not_found"
        ? ["No such chat", "It does not exist, or it belongs to a website that is not yours."]
        : ["This chat cannot be shown", openChat.problem.message];
    }
    if (openChat || !loaded) return ["Loading…", ""];
    if (queue.length) return ["Choose a chat", "Whoever has waited longest stands at the top of the queue."];
    return ["All quiet", "Nobody is waiting. New visitors appear on the left by themselves."];
  }

  #renderDecision(session) {
    const isQueued = session.status === "queued";
    this.#byId("decision").hidden = this.#state.isMine(session);
    this.#byId("accept").hidden = !isQueued;
    this.#byId("accept").disabled = this.#isBusy;
    setText(this.#byId("decision-text"), decisionText(session));
  }

  #closeNotice() {
    this.#noticeOf = null;
    this.render();
    this.focus();
  }

  #byId(id) {
    return document.getElementById(id);
  }
}

function decisionText(session) {
  if (isOver(session)) return overText(session);
  if (session.status === "active") return `${session.agent_name || "Another agent"} has this chat.`;
  return session.waiting_since ? "Waiting for an agent." : "The visitor has not written yet.";
}
