/** The open chat, wired: transcript, composer, dialogs, visitor panel, and what the agent decides. */

import { CannedMenu } from "./canned_menu.js";
import { Colleagues } from "./colleagues.js";
import { Composer } from "./composer.js";
import { ConversationView } from "./conversation.js";
import { overText } from "./format.js";
import { Notes } from "./notes.js";
import { TagsEditor } from "./tags.js";
import { TranscriptView } from "./transcript.js";
import { TransferDialog } from "./transfer.js";
import { Uploads } from "./uploads.js";
import { VisitorPanel } from "./visitor_panel.js";

export class ChatPane {
  #state;
  #api;
  #drafts;
  #send;
  #render;
  #notes;
  #uploads;
  #transfer;
  #panel;
  #canned;

  /**
   * `protocol` is the widget's; `config` the page's; `send(frames)` and `render()` are the console's, and
   * `scheduleRender()` is a render soon.
   */
  constructor(state, { api, drafts, protocol, config, send, render, scheduleRender }) {
    this.#state = state;
    this.#api = api;
    this.#drafts = drafts;
    this.#send = send;
    this.#render = render;
    state.restoreOutboxes(drafts.outboxes);
    state.restoreNoteOutboxes(drafts.noteOutboxes);
    state.restoreSent(drafts.sent);
    this.#notes = new Notes(state, { api, onChange: scheduleRender });
    this.#uploads = new Uploads({
      rules: config.attachments,
      uuid: protocol.uuid,
      start: (entry, onProgress) => {
        state.markSent(entry.id);
        return api.upload(entry.sessionId, entry.id, entry, onProgress);
      },
      onChange: scheduleRender,
      onSent: (id, message) => send(state.apply("chat.message.new", { message })),
    });
    const colleagues = new Colleagues(state, { api, onChange: scheduleRender });
    this.#canned = new CannedMenu({ api, context: () => this.#answering() });
    /** For whoever writes by keys: `switchTo("reply" | "note")`. */
    this.composer = new Composer(state, {
      drafts,
      protocol,
      canned: this.#canned,
      rules: config.attachments,
      onReply: (body) => {
        send(state.queueMessage(state.openId, body));
        render();
      },
      onNote: (body) => {
        this.#notes.add(state.openId, body, protocol.uuid());
        render();
      },
      onFiles: (files) => this.#uploads.add(state.openId, files),
      onTyping: (isTyping, note) =>
        send([{ type: "chat.typing", payload: { session_id: state.openId, is_typing: isTyping, note } }]),
      onKind: render,
    });
    const transcript = new TranscriptView(state, {
      uploads: this.#uploads,
      onOlder: () => {
        const frames = state.older();
        send(frames);
        if (frames.length) scheduleRender();
      },
      onRetry: (kind, id) => this.#retry(kind, id),
      onRemove: (_, id) => this.#uploads.remove(id),
    });
    this.#transfer = new TransferDialog(state, {
      colleagues,
      protocol,
      onTransfer: (id, to, note) => this.#hand(id, to, note),
      onDone: (id) => state.openId === id && this.conversation.focus(),
    });
    this.conversation = new ConversationView(state, {
      composer: this.composer,
      transcript,
      colleagues,
      drafts,
      onAccept: (id) => this.#decide(id, () => api.assign(id)),
      // From a colleague who is there a chat goes only by name, and only to a supervisor.
      onTakeOver: (id) =>
        this.#decide(id, () =>
          state.agent.is_supervisor ? api.assignTo(id, state.agent.id) : api.assign(id),
        ),
      onTransfer: (session) => this.#transfer.open(session),
      onEnd: (id) => this.#decide(id, () => api.end(id)),
      onHold: (id, minutes) => this.#decide(id, () => api.hold(id, minutes), this.conversation.holdFocus()),
    });
    const tags = new TagsEditor(state, {
      api,
      onChanged: (session) => {
        send(state.replaceSummary(session));
        render();
      },
    });
    this.#panel = new VisitorPanel(state, { base: config.base, tags, load: (id) => api.visitor(id) });
    addEventListener("beforeunload", (event) => {
      // Files are in no storage: whoever leaves now loses them.
      if (this.#uploads.unsent.length) event.preventDefault();
    });
  }

  render() {
    this.conversation.render();
    this.#drafts.outboxes = this.#state.outboxes;
    this.#drafts.noteOutboxes = this.#state.noteOutboxes;
    this.#drafts.sent = this.#state.sent;
    this.#transfer.render();
    this.#panel.render();
  }

  /** What the passing of time changes; once a second. */
  tick() {
    this.conversation.tick();
    this.#transfer.tick();
    this.#panel.render();
  }

  focus() {
    this.conversation.focus();
  }

  /** The server is there (again): what nobody has answered goes once more. */
  connected() {
    this.#notes.send({ isReconnected: true });
    this.#uploads.retryLost();
    this.#canned.refresh();
    this.conversation.connected();
  }

  /** The session and the agent that a reply is from, where one may be written. */
  #answering() {
    const { openSession: session, agent } = this.#state;
    return session && this.composer.kind === "reply" && this.#state.isMine(session)
      ? { session, agent }
      : null;
  }

  #retry(kind, id) {
    if (kind === "note") this.#notes.retry(this.#state.openId, id);
    else if (kind === "upload") this.#uploads.retry(id);
    else this.#send(this.#state.retry(this.#state.openId, id));
    this.#render();
  }

  /**
   * Asks the server for a decision, shows what came of it, and corrects the lists either way; `focus()` then puts the
   * focus where one goes on.
   */
  async #decide(id, call, focus = () => this.conversation.focus()) {
    this.conversation.isBusy = true;
    this.conversation.notify(null, "");
    try {
      this.#send(this.#state.replaceSummary(await call()));
    } catch (error) {
      const text = await this.#explain(id, error);
      this.conversation.notify(id, text, { isNetwork: error.code === "network" });
    } finally {
      this.conversation.isBusy = false;
      this.#render();
      if (this.#state.openId === id) focus();
    }
  }

  /** A transfer, or a supervisor's assignment of what waits; rejects with a sentence. */
  async #hand(id, to, note) {
    const isQueued = this.#state.summary(id)?.status === "queued";
    try {
      const session = await (isQueued
        ? this.#api.assignTo(id, to.to_agent_id)
        : this.#api.transfer(id, to, note));
      this.#send(this.#state.replaceSummary(session));
    } catch (error) {
      throw new Error(await this.#explain(id, error), { cause: error });
    } finally {
      this.#render();
    }
  }

  async #explain(id, error) {
    const session = await this.#api.session(id).catch(() => null);
    if (session) this.#send(this.#state.replaceSummary(session));
    return refusalText(error, session, this.#state.now);
  }
}

function refusalText(error, session, now) {
  if (error.code === "taken") return `${error.details.agent_name} was faster and has this chat now.`;
  if (error.code === "session_over" && session) return overText(session, now) || error.message;
  // Which field was wrong is said by its sentence, which may be that of the whole.
  return [...new Set([error.message, ...Object.values(error.details?.fields ?? {}).flat()])].join(" ");
}
