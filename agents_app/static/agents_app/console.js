/** The console's entry: wires the socket, the state and the views, and knows the address bar. */

import { Connection } from "../widget/connection.js";
import * as protocol from "../widget/protocol.js";
import { MessageStore } from "../widget/store.js";
import { Api } from "./api.js";
import { Composer } from "./composer.js";
import { ConversationView } from "./conversation.js";
import { setText } from "./dom.js";
import { Drafts } from "./drafts.js";
import { overText } from "./format.js";
import { ListsView } from "./lists.js";
import { ConsoleState } from "./state.js";
import { TranscriptView } from "./transcript.js";
import { VisitorPanel } from "./visitor_panel.js";

const RENDER_AFTER_MS = 16;

const config = JSON.parse(document.getElementById("console-config").textContent);
const root = document.getElementById("console");
const api = new Api(config.csrf_cookie);
const state = new ConsoleState({ MessageStore });
const drafts = new Drafts(() => sessionStorage, config.agent_id);
state.restoreOutboxes(drafts.outboxes);

// The socket

const socketUrl = new URL("/ws/agent/", location.href);
socketUrl.protocol = location.protocol === "https:" ? "wss:" : "ws:";
const connection = new Connection({
  url: socketUrl.href,
  hello: () => ({}),
  ready: "agent.ready",
  ping: () => ({ visible: document.visibilityState === "visible", active: document.hasFocus() }),
  heartbeatInterval: state.policy.heartbeat_interval_ms,
});

connection.addEventListener("frame", ({ detail: { type, payload } }) => {
  send(state.apply(type, payload));
  if (type === "agent.ready") connection.heartbeatInterval = state.policy.heartbeat_interval_ms;
  scheduleRender();
});
connection.addEventListener("state", ({ detail }) => {
  if (detail.state === "waiting") {
    state.disconnected();
    leaveIfLoggedOut();
  }
  scheduleRender();
});
connection.addEventListener("stopped", goToLogin);

function send(frames) {
  for (const { type, payload } of frames) connection.send(type, payload);
}

/** A refused handshake looks like a lost network to a socket; HTTP can tell them apart. */
async function leaveIfLoggedOut() {
  if (await api.isLoggedIn()) return;
  connection.close();
  goToLogin();
}

function goToLogin() {
  location.assign(`${config.login}?next=${encodeURIComponent(location.pathname)}`);
}

// The views

const composer = new Composer({
  drafts,
  protocol,
  onSend(body) {
    send(state.queueMessage(state.openId, body));
    render();
  },
  onTyping(isTyping) {
    connection.send("chat.typing", { session_id: state.openId, is_typing: isTyping });
  },
});
const transcript = new TranscriptView(state, {
  onRetry(clientMessageId) {
    send(state.retry(state.openId, clientMessageId));
    render();
  },
});
const lists = new ListsView(state, config.base);
const panel = new VisitorPanel(state);
const conversation = new ConversationView(state, {
  composer,
  transcript,
  onAccept: (id) => decide(id, () => api.assign(id)),
  onEnd: (id) => decide(id, () => api.end(id)),
});

/** Asks the server for a decision, shows what came of it, and corrects the lists either way. */
async function decide(id, call) {
  conversation.isBusy = true;
  conversation.notify(null, "");
  try {
    send(state.replaceSummary(await call()));
  } catch (error) {
    await explainRefusal(id, error);
  } finally {
    conversation.isBusy = false;
    render();
    if (state.openId === id) conversation.focus();
  }
}

async function explainRefusal(id, error) {
  const session = await api.session(id).catch(() => null);
  if (session) send(state.replaceSummary(session));
  conversation.notify(id, refusalText(error, session));
}

function refusalText(error, session) {
  if (error.code === "taken") return `${error.details.agent_name} was faster and has this chat now.`;
  if (error.code === "session_over" && session) return overText(session) || error.message;
  return error.message;
}

let isRenderScheduled = false;

/** Many frames, one rendering. Not by animation frame: a hidden tab has none, and its title counts. */
function scheduleRender() {
  if (isRenderScheduled) return;
  isRenderScheduled = true;
  setTimeout(() => {
    isRenderScheduled = false;
    render();
  }, RENDER_AFTER_MS);
}

function render() {
  conversation.render();
  if (document.visibilityState === "visible" && connection.state === "ready") send(state.read());
  drafts.outboxes = state.outboxes;
  renderClock();
}

/** What the passing of time changes; once a second. */
function renderClock() {
  lists.render();
  panel.render();
  conversation.tick();
  const waiting = state.queue.length;
  document.title = `${waiting ? `(${waiting}) ` : ""}Chat Center`;
  const isLive = connection.state === "ready";
  setText(
    document.getElementById("connection"),
    isLive ? "" : state.loaded ? "Reconnecting…" : "Connecting…",
  );
}

// The address

function openFromAddress() {
  const [, id] = location.pathname.slice(config.base.length).match(/^chats\/([^/]+)\/?$/) ?? [];
  state.close();
  root.dataset.pane = id ? "chat" : "lists";
  if (id) send(state.open(decodeURIComponent(id)));
  showDetails(false);
  render();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-link]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !isPlain) return;
  event.preventDefault();
  const left = state.openId;
  if (link.href !== location.href) history.pushState(null, "", link.href);
  openFromAddress();
  if (state.openId) conversation.focus();
  else if (left) lists.focus(left);
});
addEventListener("popstate", openFromAddress);

const details = document.getElementById("details");
const detailsClose = document.getElementById("details-close");
details.addEventListener("click", () => {
  showDetails(true);
  detailsClose.focus();
});
detailsClose.addEventListener("click", () => {
  showDetails(false);
  details.focus();
});

/** Where there is one pane only, the visitor panel takes the place of the chat. */
function showDetails(isShown) {
  details.setAttribute("aria-expanded", String(isShown));
  root.classList.toggle("shows-details", isShown);
}

document.addEventListener("visibilitychange", scheduleRender);
setInterval(renderClock, 1000);
openFromAddress();
connection.open();
