/** The console's entry: wires the socket, the state and the views, and knows the address bar. */

import * as protocol from "../widget/protocol.js";
import { MessageStore } from "../widget/store.js";
import { formatAddress, parseAddress } from "./address.js";
import { AgentConnection } from "./agent_connection.js";
import { Api } from "./api.js";
import { ChatPane } from "./chat.js";
import { Desk } from "./desk.js";
import { Drafts } from "./drafts.js";
import { FoundView } from "./history.js";
import { ListsView } from "./lists.js";
import { OfflineView } from "./offline.js";
import { Rail } from "./rail.js";
import { ConsoleState } from "./state.js";
import { TeamView } from "./team.js";
import { unseenNews } from "./unseen.js";

const RENDER_AFTER_MS = 16;
const BEAT_MS = 10_000;

const config = JSON.parse(document.getElementById("console-config").textContent);
const root = document.getElementById("console");
const api = new Api(config.csrf_cookie);
const news = unseenNews(() => localStorage, config.agent_id);
const state = new ConsoleState({ MessageStore, ...news });
const drafts = new Drafts(() => sessionStorage, config.agent_id);

// The socket

const connection = new AgentConnection({
  api,
  login: config.login,
  ping: () => desk.ping(),
  heartbeatInterval: state.policy.heartbeat_interval_ms,
});

connection.addEventListener("frame", ({ detail: { type, payload } }) => {
  send(state.apply(type, payload));
  desk.hear(type, payload);
  rail.counts = payload.counts;
  // What was fetched before this socket heard of changes may lack some.
  if (type === "agent.ready") page?.refresh();
  else page?.apply(type, payload);
  // How many are left altogether comes with a beat.
  if (type === "offline.changed") connection.send("ping", { visible: isVisible(), active: false });
  if (type === "agent.ready") {
    connection.heartbeatInterval = state.policy.heartbeat_interval_ms;
    pane.connected();
  }
  scheduleRender();
});
connection.addEventListener("state", ({ detail }) => {
  if (detail.state === "waiting") state.disconnected();
  scheduleRender();
});

function send(frames) {
  for (const { type, payload } of frames) connection.send(type, payload);
}

// The views

const rail = new Rail();
const lists = new ListsView(state, { base: config.base, drafts });
const shared = { api, base: config.base, onCounts: (counts) => (rail.counts = counts) };
const found = new FoundView(state, { ...shared, drafts, onGo: go });
/** What takes the place of the inbox's lists, or of the whole page, in the other views. */
const pages = {
  all: found,
  history: found,
  messages: new OfflineView(state, shared),
  team: new TeamView(state, shared),
};
const pane = new ChatPane(state, { api, drafts, protocol, config, send, render, scheduleRender });
const { conversation } = pane;
const desk = new Desk(state, { api, connection, config, composer: pane.composer, goTo });

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
  pane.render();
  // A console on the second screen is visible, and nobody reads it.
  if (isVisible() && document.hasFocus() && connection.state === "ready") send(state.read());
  renderClock();
}

/** What the passing of time changes; once a second. */
function renderClock() {
  if (page) page.render();
  else lists.render(rail.queueLength(state.queue.length));
  rail.render(state.loaded ? state.queue.length : 0);
  pane.tick();
  desk.tick(rail.title);
}

// The address

/** Where one is, `{view, chat, filters}`, and the view's page, if it is not the inbox. */
let address = null;
let page = null;

function openFromAddress() {
  address = parseAddress(config.base, location);
  const isSame = address.chat !== null && address.chat === state.openId && !state.openChat?.problem;
  if (!isSame) {
    state.close();
    if (address.chat) send(state.open(address.chat));
    showDetails(false);
  }
  root.dataset.view = address.view;
  root.dataset.pane = address.chat ? "chat" : "lists";
  rail.show(address.view);
  for (const back of document.querySelectorAll("a.back")) {
    back.href = formatAddress(config.base, { ...address, chat: null });
  }
  if (page !== pages[address.view]) page?.hide();
  page = pages[address.view];
  page?.show(address);
  conversation.invitation = page?.invitation ?? "";
  render();
}

/** Goes to another place of the console. */
function go(place, { replace = false } = {}) {
  const path = formatAddress(config.base, place);
  const isElsewhere = path !== location.pathname + location.search;
  if (isElsewhere) history[replace ? "replaceState" : "pushState"](null, "", path);
  openFromAddress();
}

/** As a link does: whoever opens a chat wants to read or write there. */
function goTo(place) {
  go(place);
  if (state.openId) conversation.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-link]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  const place = link && isPlain && parseAddress(config.base, new URL(link.href));
  if (!place) return;
  event.preventDefault();
  const left = state.openId;
  go(place);
  if (link.matches(".back")) lists.focus(left);
  else if (state.openId && !link.closest(".rail, .search, .pager")) conversation.focus();
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

/** Where there is one pane only, the visitor panel takes the place of the chat: it is what the page is about then. */
function showDetails(isShown) {
  document.getElementById("visitor").role = isShown ? "main" : "complementary";
  details.setAttribute("aria-expanded", String(isShown));
  root.classList.toggle("shows-details", isShown);
}

// There is room for both (again), and for one main part only.
matchMedia("(max-width: 899px)").addEventListener("change", () => showDetails(false));

function isVisible() {
  return document.visibilityState === "visible";
}

document.addEventListener("visibilitychange", scheduleRender);
addEventListener("focus", scheduleRender);
// Another tab of this browser has seen a note or a new chat, or heard of one.
addEventListener("storage", () => {
  for (const unseen of Object.values(news)) unseen.read();
  scheduleRender();
});
setInterval(renderClock, 1000);
setInterval(() => isVisible() && page?.beat(), BEAT_MS);
openFromAddress();
connection.open();
document.getElementById("not-started").remove();
