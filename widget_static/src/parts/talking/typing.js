import { avatarOf } from "./avatar.js";

const TOLD_EVERY_MS = 3000;
const STOPS_AFTER_MS = 5000;
const SHOWN_MS = 6000;

/** Tells the agent that the visitor is writing: now and then while it lasts, and once when it is over. */
export function tellTyping({ chat, textBox, Timers, FRAME }) {
  const timers = new Timers();
  let isTold = false;
  const tell = (is_typing) => chat.talk?.send(FRAME.typing, { is_typing });

  function reset() {
    timers.clear();
    isTold = false;
  }

  function stop() {
    if (isTold) tell(false);
    reset();
  }

  textBox.addEventListener("input", () => {
    if (textBox.value.trim() === "") return stop();
    // Written in another tab, which tells it, or on the page before.
    if (textBox.value === chat.draft) return;
    timers.start("stop", STOPS_AFTER_MS, stop);
    if (timers.isRunning("told")) return;
    timers.start("told", TOLD_EVERY_MS, () => {});
    isTold = true;
    tell(true);
  });
  // The arrival of the text says that the writing is over.
  chat.addEventListener("send", reset);
}

/** Shows that the agent is writing: until the message comes, the connection goes, or nothing more is heard. */
export function showTyping(core) {
  const { chat, transcript, element, Timers, FRAME } = core;
  const timers = new Timers();
  const dots = element("div", { class: "bubble" }, element("i"), element("i"), element("i"));
  const row = element("li", { class: "message agent typing", "aria-hidden": "true", hidden: true }, dots);

  function show(isShown, name) {
    timers.clear();
    if (isShown) row.replaceChildren(avatarOf(core, name), dots);
    if (isShown) timers.start("shown", SHOWN_MS, () => show(false));
    transcript.change(() => {
      row.hidden = !isShown;
    });
  }

  transcript.node.append(row);
  chat.addEventListener("frame", ({ detail: { type, payload } }) => {
    if (type === FRAME.typing && payload.sender_type === "agent")
      show(payload.is_typing === true, payload.sender_name);
  });
  chat.addEventListener("message", ({ detail }) => detail.sender_type === "agent" && show(false));
  chat.addEventListener("change", () => chat.link !== "ready" && !row.hidden && show(false));
}
