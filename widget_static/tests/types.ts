// Uses every method, option and event as a website would; types.test.js compiles it.
import type { ChatEvents, ChatMessage, ChatOptions, ChatState, ChatWidget } from "../chat-widget.js";

const everyOption: Required<ChatOptions> = {
  tenantId: "demo-tenant",
  apiUrl: "https://chat.example",
  position: "bottom-left",
  primaryColor: "#1f6f54",
  title: "Fern & Co.",
  subtitle: "",
  welcomeMessage: "Hello!",
  sessionExpiry: 600_000,
  heartbeatInterval: 20_000,
  autoRestore: true,
  debug: false,
  locale: "en-GB",
  zIndex: 10,
  container: document.body,
  launcher: false,
  persistMessages: false,
  theme: "dark",
  strings: { send: "Off it goes", unread: { one: "one", other: "{count}" } },
  nonce: "abc",
};

const everyMethod: Omit<ChatWidget, "version"> = {
  init: (options?: ChatOptions) => CallCenterChat.init(options),
  open: () => CallCenterChat.open(),
  close: () => CallCenterChat.close(),
  toggle: () => CallCenterChat.toggle(),
  show: () => CallCenterChat.show(),
  hide: () => CallCenterChat.hide(),
  update: (options: ChatOptions) => CallCenterChat.update(options),
  identify: () => CallCenterChat.identify({ name: "Vera", email: "vera@example.com" }),
  send: (text: string) => CallCenterChat.send(text),
  end: async () => await CallCenterChat.end(),
  on: (name, handler) => CallCenterChat.on(name, handler),
  off: (name, handler) => CallCenterChat.off(name, handler),
  shutdown: () => CallCenterChat.shutdown(),
  getState: () => CallCenterChat.getState(),
};

const everyEvent: { [Name in keyof ChatEvents]: (detail: ChatEvents[Name]) => unknown } = {
  ready: ({ version }) => version.startsWith("0."),
  open: () => null,
  close: () => null,
  message: ({ seq, senderType, senderName, messageType, body, createdAt }: ChatMessage) =>
    `${seq + 1} ${senderType === "agent"} ${senderName} ${messageType} ${body} ${Date.parse(createdAt)}`,
  unread: ({ count }) => count + 1,
  "session:start": ({ sessionId }) => sessionId,
  "session:restored": ({ conversationId }) => conversationId,
  "session:expired": ({ outcome }) => outcome === "abandoned",
  "session:ended": ({ status, reason, endedBy }) => [status === "ended", reason, endedBy],
  "connection:online": () => null,
  "connection:offline": () => null,
  error: ({ code }) => code,
};

const state: ChatState = window.CallCenterChat.getState();
const unread: number | undefined = state.unread;
window.addEventListener("callcenterchat:unread", ({ detail }) => detail.count + 1);
CallCenterChat.on("message", everyEvent.message);

// @ts-expect-error there is no such event
CallCenterChat.on("opened", () => {});
// @ts-expect-error there is no such position
CallCenterChat.init({ position: "top" });
// @ts-expect-error there is no such option
CallCenterChat.init({ colour: "red" });
// @ts-expect-error the version is not for writing
CallCenterChat.version = "2";

export { everyEvent, everyMethod, everyOption, unread };
