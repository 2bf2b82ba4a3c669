import { isOfAbsence } from "./restored.js";

const ANNOUNCED_MS = 5000;

/** Says what is new to those who listen instead of reading, once. Gives `announce(text)`. */
export function makeAnnouncer({ chat, panel, element, texts, wordsOf, signal }) {
  // In a closed root: whoever searches the widget's text finds each message once.
  const unseen = element("div", { class: "unseen" });
  const lines = element("div", { "aria-live": "polite" });
  unseen.attachShadow({ mode: "closed" }).append(lines);
  panel.after(unseen);

  function announce(text) {
    // Beside the one before, which may not have been said yet; gone before anybody comes across it.
    const line = element("div", {}, text);
    lines.append(line);
    setTimeout(() => line.remove(), ANNOUNCED_MS);
  }

  const onMessage = ({ detail }) => {
    const { sender_type, sender_name } = detail;
    if (isOfAbsence(detail)) return;
    const text = wordsOf(detail, texts);
    if (sender_type !== "visitor") announce(sender_type === "agent" ? `${sender_name}: ${text}` : text);
  };
  chat.addEventListener("message", onMessage, { signal });
  return announce;
}
