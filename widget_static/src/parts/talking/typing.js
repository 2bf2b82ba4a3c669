import { avatarOf } from "./avatar.js";

const TOLD_EVERY_MS = 3000;
const PREVIEWED_EVERY_MS = 1000;
const STOPS_AFTER_MS = 5000;
const SHOWN_MS = 6000;

/**
 * Tells the agent that the visitor is writing: now and then while it lasts, and once when it is over. Where the
 * tenant wants a preview, with the text as far as it is written.
 */
export function tellTyping(core) {
  const { chat, textBox, settings, Timers, FRAME, MAX_TEXT, cleanText } = core;
  const timers = new Timers();
  const isPreviewed = () => settings.config.typing_preview === true;
  let isTold = false;
  let told = "";

  function tell(is_typing) {
    isTold = is_typing;
    told = textBox.value;
    const text = isPreviewed() && is_typing ? [...cleanText(told)].slice(0, MAX_TEXT).join("") : undefined;
    chat.talk?.send(FRAME.typing, { is_typing, text });
  }

  // What was written since it was told last is told when its time has come.
  function tellNow() {
    tell(true);
    const isNew = () => isPreviewed() && isTold && textBox.value !== told;
    timers.start("told", isPreviewed() ? PREVIEWED_EVERY_MS : TOLD_EVERY_MS, () => isNew() && tellNow());
  }

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
    if (!timers.isRunning("told")) tellNow();
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
