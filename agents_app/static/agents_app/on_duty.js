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
import { ConnectionLine } from "./connection_line.js";
import { setText } from "./dom.js";
import { Preferences } from "./preferences.js";
import { ConsoleState } from "./state.js";
import { unseenNews } from "./unseen.js";
import { MessageStore } from "../widget/store.js";

const config = JSON.parse(document.getElementById("agent-config").textContent);
const title = document.title;
const calls = document.getElementById("calls");
const storage = () => localStorage;

const news = unseenNews(storage, config.agent_id);
const state = new ConsoleState({ MessageStore, ...news });
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
const line = new ConnectionLine(state, connection);

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
  line.render();
}

addEventListener("storage", () => {
  for (const unseen of Object.values(news)) unseen.read();
  render();
});
setInterval(() => line.render(), 1000);
connection.open();
