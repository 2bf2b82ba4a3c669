// The widget's conversation without its page: the real connection, outbox and store. For tests/faults.
//
// node widget_client.js SOCKET_URL SESSION_ID SESSION_KEY SPEED HEARTBEAT_MS
// Its clocks run SPEED times as fast, HEARTBEAT_MS included. Each line of input is a text to send; the output tells,
// a JSON object a line, the connection's states and the texts that were acknowledged.

import { createInterface } from "node:readline";

const [url, session_id, session_key, speed, heartbeat] = process.argv.slice(2);
const setRealTimeout = globalThis.setTimeout;
globalThis.setTimeout = (action, ms, ...rest) => setRealTimeout(action, ms / speed, ...rest);

const { Connection } = await import("../../widget_static/src/connection.js");
const { FRAME } = await import("../../widget_static/src/protocol.js");
const { MessageStore } = await import("../../widget_static/src/store.js");
const { Talk } = await import("../../widget_static/src/talk.js");

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const store = new MessageStore();
const talk = new Talk({
  session: { session_id, session_key },
  store,
  tabId: "t1",
  isRestoring: false,
  page: { location: () => ({ url: "", title: "" }), isVisible: () => true, wasUsed: () => false },
  settings: { log() {}, heartbeatInterval: () => Number(heartbeat) },
  makeConnection(options) {
    const connection = new Connection({ ...options, url, ready: FRAME.ready, heartbeatInterval: Number(heartbeat) });
    connection.addEventListener("state", ({ detail }) => tell(detail));
    return connection;
  },
});
talk.addEventListener("message", ({ detail }) => tell({ message: detail.body }));
talk.open();
createInterface({ input: process.stdin })
  .on("line", (text) => {
    store.queue(text);
    talk.pump();
  })
  .on("close", () => process.exit());
