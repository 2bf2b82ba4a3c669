/** The dialog in which a chat gets another agent, or goes back to the queue. */

import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";
import { busyText, visitorName } from "./format.js";

const QUEUE = "queue";

export class TransferDialog {
  #state;
  #colleagues;
  #dialog = document.getElementById("transfer-dialog");
  #form = document.getElementById("transfer-form");
  #list = document.getElementById("targets");
  #note = document.getElementById("transfer-note");
  #protocol;
  #onTransfer;
  #onDone;
  #id = null;
  #isBusy = false;
  // {key, name}; null until somebody is chosen: a chat that went away by a mere Enter is gone.
  #chosen = null;
  // What was written and not sent, by chat: the dialog may be closed by mistake.
  #notes = new Map();

  /**
   * `onTransfer(id, to, note)` gets `{to_queue: true}` or `{to_agent_id}` and resolves when it is done; what
   * it rejects with is shown. `onDone(id)` comes after the closing: the button that opened it may be gone then.
   */
  constructor(state, { colleagues, protocol, onTransfer, onDone }) {
    this.#state = state;
    this.#colleagues = colleagues;
    this.#protocol = protocol;
    this.#onTransfer = onTransfer;
    this.#onDone = onDone;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    document.getElementById("transfer-cancel").addEventListener("click", () => this.#dialog.close());
    this.#list.addEventListener("change", ({ target }) => this.#choose(target));
    this.#note.addEventListener("input", () => this.#notes.set(this.#id, this.#note.value));
  }

  async open(session) {
    this.#id = session.session_id;
    this.#chosen = null;
    this.#list.replaceChildren();
    this.#tell("");
    this.#note.value = this.#notes.get(this.#id) ?? "";
    const isQueued = session.status === "queued";
    setText(document.getElementById("transfer-title"), isQueued ? "Assign this chat" : "Transfer this chat");
    setText(document.getElementById("transfer-send"), isQueued ? "Assign" : "Transfer");
    setText(document.getElementById("transfer-who"), visitorName(session));
    // A chat that is given for the first time has nothing to hand over yet.
    document.getElementById("transfer-note-field").hidden = isQueued;
    this.render();
    this.#dialog.showModal();
    try {
      await this.#colleagues.load();
    } catch (error) {
      this.#tell(`Your colleagues could not be loaded. ${error.message}`);
    }
    this.render();
  }

  /** What the passing of time changes; once a second. */
  tick() {
    if (!this.#dialog.open) return;
    this.#colleagues.keepFresh();
    this.render();
  }

  /** Also while it is open: colleagues come and go. */
  render() {
    const session = this.#state.summary(this.#id);
    if (!session) return;
    const toQueue = session.status === "active" ? [{ key: QUEUE }] : [];
    const agents = this.#colleagues
      .candidates(session.tenant_id)
      .filter(({ id }) => id !== session.assigned_to_id)
      .map((agent) => ({ key: String(agent.id), agent }));
    const targets = [...toQueue, ...agents];
    const hadFocus = this.#list.contains(document.activeElement);
    reconcile(this.#list, targets, {
      key: ({ key }) => key,
      create: () => fromTemplate("target-template"),
      update: (node, { key, agent }) => {
        part(node, "input").value = key;
        part(node, "dot").hidden = !agent;
        part(node, "dot").dataset.presence = agent?.state === "offline" ? "gone" : (agent?.state ?? "");
        setText(part(node, "name"), agent ? agent.name : "Back to the queue");
        setText(part(node, "about"), agent ? busyText(agent) : "Whoever is free takes it");
      },
    });
    if (this.#chosen && !this.#isBusy && !targets.some(({ key }) => key === this.#chosen.key)) {
      this.#missChosen(session);
    }
    if (hadFocus && !this.#list.contains(document.activeElement)) this.#list.querySelector("input")?.focus();
    // I am among the agents: none at all means that nobody has answered yet.
    const nobody = this.#colleagues.agents.length
      ? "No colleague of this website has the console open."
      : "Looking for your colleagues…";
    setOptional(document.getElementById("targets-empty"), agents.length ? "" : nobody);
    document.getElementById("transfer-send").disabled = this.#isBusy || !this.#chosen;
  }

  #choose({ value }) {
    const agent = this.#colleagues.agents.find(({ id }) => String(id) === value);
    this.#chosen = { key: value, name: agent?.name };
    this.#tell("");
    this.render();
  }

  /** Whoever was chosen is not offered any more; nobody else is put in their place. */
  #missChosen({ assigned_to_id: holder }) {
    const { key, name } = this.#chosen;
    this.#chosen = null;
    const isHolder = key === String(holder);
    if (!name) return;
    this.#tell(isHolder ? `${name} has this chat already.` : `${name} has left. Choose somebody else.`);
  }

  async #submit() {
    if (this.#isBusy || !this.#chosen) return;
    const { key } = this.#chosen;
    const note = this.#protocol.cleanText(this.#note.value);
    if (this.#protocol.textLength(note) > this.#protocol.MAX_TEXT) {
      this.#tell(`The note is too long: at most ${this.#protocol.MAX_TEXT} characters.`);
      return;
    }
    this.#isBusy = true;
    this.#tell("");
    this.render();
    try {
      const to = key === QUEUE ? { to_queue: true } : { to_agent_id: Number(key) };
      await this.#onTransfer(this.#id, to, note);
      this.#notes.delete(this.#id);
      this.#chosen = null;
      this.#dialog.close();
      this.#onDone(this.#id);
    } catch (error) {
      this.#tell(error.message);
      this.#colleagues.load().catch(() => {});
    } finally {
      this.#isBusy = false;
      this.render();
    }
  }

  #tell(problem) {
    setOptional(document.getElementById("transfer-problem"), problem);
  }
}
