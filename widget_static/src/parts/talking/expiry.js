const EXPIRING = "chat.session.expiring";
const STILL_HERE = "chat.still_here";
const WARNED_MS = 120_000;

/** Counts down the last two minutes of a chat that nobody uses; one click keeps it. */
export function warnOfExpiry({ chat, composer, textBox, element, texts, announce, Timers }) {
  const timers = new Timers();
  const text = element("p", { dir: "auto" });
  const button = element("button", { type: "button", class: "button", onclick: stay });
  const bar = element("div", { class: "expiring", hidden: true }, text, button);
  let at = null;

  function show() {
    timers.clear();
    const left = at - (Date.now() + chat.skew);
    const isOver = at === null || chat.phase !== "live" || left <= 0;
    const isShown = !isOver && left <= WARNED_MS;
    if (isOver) at = null;
    else timers.start("next", isShown ? left % 1000 || 1000 : left - WARNED_MS, show);
    if (isShown && bar.hidden) announce(texts.get("expiringSoon"));
    if (!isShown && bar.contains(bar.getRootNode().activeElement)) textBox.focus();
    bar.hidden = !isShown;
    text.textContent = texts.get("expiring", { time: countdown(left) });
    button.textContent = texts.get("stillHere");
  }

  function stay() {
    if (chat.talk?.send(STILL_HERE, {})) forget();
  }

  // The server says it again if it sees this otherwise.
  function forget() {
    at = null;
    show();
  }

  composer.before(bar);
  chat.addEventListener("frame", ({ detail: { type, payload } }) => {
    if (type !== EXPIRING) return;
    at = Date.parse(payload.at);
    show();
  });
  chat.addEventListener("message", ({ detail }) => detail.sender_type !== "system" && forget());
  chat.addEventListener("change", () => chat.phase !== "live" && at !== null && forget());
}

/** 1:05 for 65 seconds; what has begun counts. */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
