const STILL_HERE = "chat.still_here";
const WARNED_MS = 120_000;

/**
 * Counts down the end of a chat that nobody uses, for as long as its tenant says; one click keeps it.
 * Beside the bubble, too. `seen.expiresAt` is when that is.
 */
export function warnOfExpiry({ chat, panel, composer, textBox, element, texts, announce, settings, seen, Timers, FRAME }) {
  const timers = new Timers();
  const corner = panel.parentNode.querySelector(".corner");
  const bar = makeBar("expiring", () => textBox.focus());
  const hint = makeBar("expiring hint", () => corner.querySelector(".launcher").focus());

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
    const left = Date.parse(seen.expiresAt) - (Date.now() + chat.skew);
    const isAhead = chat.phase === "live" && left > 0;
    const isShown = isAhead && left <= warned();
    if (isAhead) timers.start("next", isShown ? left % 1000 || 1000 : left - warned(), show);
    else seen.expiresAt = null;
    if (isShown && bar.node.hidden) announce(texts.get("expiring", { time: spoken(left, texts.locale) }));
    bar.draw(isShown, countdown(left));
    hint.draw(isShown && !chat.isOpen, countdown(left));
  }

  function stay() {
    if (chat.talk?.send(STILL_HERE, {})) forget();
  }

  // The server says it again if it sees this otherwise.
  function forget() {
    seen.expiresAt = null;
    show();
  }

  // As the server does, which tells of no chat before half of its time is over.
  function warned() {
    const { policy } = settings.config;
    const wished = Math.min(policy?.expiry_warning_ms, policy?.session_expiry_ms / 2);
    return wished > 0 ? wished : WARNED_MS;
  }

  composer.before(bar.node);
  corner.prepend(hint.node);
  chat.addEventListener("frame", ({ detail: { type } }) => type === FRAME.expiring && show());
  chat.addEventListener("message", show);
  chat.addEventListener("change", () => seen.expiresAt && show());
  show();
}

/** 1:05 for 65 seconds; what has begun counts. */
export function countdown(ms) {
  const { minutes, seconds } = split(ms);
  return `${minutes}:${String(seconds).padStart(2, "0")}`;
}

/** The same for those who listen: "1 minute, 5 seconds", in the words of `locale`. */
export function spoken(ms, locale) {
  const { minutes, seconds } = split(ms);
  const say = (count, unit) =>
    new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(count);
  const parts = [minutes && say(minutes, "minute"), (seconds || !minutes) && say(seconds, "second")];
  return new Intl.ListFormat(locale, { type: "unit" }).format(parts.filter(Boolean));
}

function split(ms) {
  const all = Math.max(0, Math.ceil(ms / 1000));
  return { minutes: Math.floor(all / 60), seconds: all % 60 };
}
