/**
 * On the reports: whoever reads them is still there for her chats. Keeps the socket that says so, as the console does,
 * and tells what waits for her meanwhile.
 */

import { Activity } from "./activity.js";
import { formatAddress } from "./address.js";
import { AgentConnection } from "./agent_connection.js";
import { Alerts } from "./alerts.js";
import { Api } from "./api.js";
import { Attention } from "./attention.js";
import { Chime } from "./chime.js";
import { Claims } from "./claims.js";
import { setText } from "./dom.js";
import { connectionText } from "./format.js";
import { Preferences } from "./preferences.js";
import { ConsoleState } from "./state.js";
import { Unseen } from "./unseen.js";
import { MessageStore } from "../widget/store.js";

const config = JSON.parse(document.getElementById("agent-config").textContent);
const title = document.title;
const calls = document.getElementById("calls");
const storage = () => localStorage;

const unseenNotes = new Unseen(storage, config.agent_id, "notes");
const arrivals = new Unseen(storage, config.agent_id, "arrivals");
const state = new ConsoleState({ MessageStore, unseenNotes, arrivals });
// Who was away only because nothing moved need not wait for the next beat.
const isAutoAway = () => state.agent?.availability === "online" && state.agent.state === "away";
const activity = new Activity({ onUse: () => isAutoAway() && connection.send("ping", ping()) });
const connection = new AgentConnection({
  api: new Api(config.csrf_cookie),
  login: config.login,
  ping,
  heartbeatInterval: state.policy.heartbeat_interval_ms,
});
const alerts = new Alerts(state, {
  attention: new Attention(),
  claims: Claims.ofAgent(storage, config.agent_id),
  preferences: new Preferences(storage, config.agent_id),
  chime: new Chime(),
  onOpen: (chat) => location.assign(formatAddress(config.base, { view: "inbox", chat })),
});

// This machine's milliseconds when the connection was last there.
let liveAt = Date.now();

connection.addEventListener("frame", ({ detail: { type, payload } }) => {
  const mayRead = state.agent?.is_supervisor;
  for (const frame of state.apply(type, payload)) connection.send(frame.type, frame.payload);
  if (type === "agent.ready") {
    connection.heartbeatInterval = state.policy.heartbeat_interval_ms;
    // The right to read the reports was taken away just now: the server says so.
    if (mayRead && !state.agent.is_supervisor) location.reload();
  }
  render(type === "agent.ready");
});
connection.addEventListener("state", ({ detail }) => {
  if (detail.state === "waiting") state.disconnected();
  render();
});

function ping() {
  return { visible: document.visibilityState === "visible", active: activity.take() };
}

function render(isSnapshot = false) {
  alerts.update(isSnapshot);
  alerts.render(title);
  const count = state.queue.length + state.unanswered;
  calls.hidden = count === 0;
  setText(calls.querySelector("span"), count === 1 ? "1 chat needs an answer" : `${count} chats need an answer`);
  showConnection();
}

function showConnection() {
  const isLive = connection.state === "ready";
  if (isLive) liveAt = Date.now();
  setText(
    document.getElementById("connection"),
    connectionText({
      isLive,
      isOnline: navigator.onLine,
      hasBeenLive: state.loaded,
      goneMs: Date.now() - liveAt,
    }),
  );
}

for (const type of ["online", "offline"]) addEventListener(type, showConnection);
addEventListener("storage", () => {
  unseenNotes.read();
  arrivals.read();
  render();
});
setInterval(showConnection, 1000);
connection.open();
