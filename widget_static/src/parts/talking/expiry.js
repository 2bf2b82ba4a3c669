const EXPIRING = "chat.session.expiring";
const STILL_HERE = "chat.still_here";
const WARNED_MS = 120_000;

/** Counts down the last two minutes of a chat that nobody uses; one click keeps it. Beside the bubble, too. */
export function warnOfExpiry({ chat, panel, composer, textBox, element, texts, announce, Timers }) {
  const timers = new Timers();
  const corner = panel.parentNode.querySelector(".corner");
  const bar = makeBar("expiring", () => textBox.focus());
  const hint = makeBar("expiring hint", () => corner.querySelector(".launcher").focus());
  let at = null;

  function makeBar(name, moveFocus) {
    const text = element("p", { dir: "auto" });
    const button = element("button", { type: "button", class: "button", onclick: stay });
    const node = element("div", { class: name, hidden: true }, text, button);
    function draw(isShown, time) {
      if (!isShown && node.contains(node.getRootNode().activeElement)) moveFocus();
      node.hidden = !isShown;
      text.textContent = isShown ? texts.get("expiring", { time }) : "";
      button.textContent = texts.get("stillHere");
    }
    return { node, draw };
  }

  function show() {
    timers.clear();
    const left = at - (Date.now() + chat.skew);
    const isOver = at === null || chat.phase !== "live" || left <= 0;
    const isShown = !isOver && left <= WARNED_MS;
    if (isOver) at = null;
    else timers.start("next", isShown ? left % 1000 || 1000 : left - WARNED_MS, show);
    if (isShown && bar.node.hidden) announce(texts.get("expiringSoon"));
    bar.draw(isShown, countdown(left));
    hint.draw(isShown && !chat.isOpen, countdown(left));
  }

  function stay() {
    if (chat.talk?.send(STILL_HERE, {})) forget();
  }

  // The server says it again if it sees this otherwise.
  function forget() {
    at = null;
    show();
  }

  composer.before(bar.node);
  corner.prepend(hint.node);
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
