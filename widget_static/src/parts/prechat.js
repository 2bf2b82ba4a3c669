import css from "./forms/who.css";
import { askWho } from "./forms/who.js";

export const styles = css;

export { texts } from "./forms/who.js";

/** Asks who the visitor is before the first message. Loaded where the tenant wants that. */
export function create(core) {
  const { chat, settings, panel, composer, textBox, FRAME } = core;
  let form = null;
  let isAnswered = false;
  // What the server does not have yet, and has to have of each further chat.
  let answer = null;
  let isTold = false;

  const wish = () => settings.config.prechat;
  const isKnown = () => Boolean(chat.talk?.facts?.customer_email || chat.talk?.facts?.customer_name);
  // Whoever has written has been asked, or need not be.
  const hasWritten = () =>
    chat.store.outbox.length > 0 || chat.store.messages.some(({ sender_type }) => sender_type === "visitor");

  function show() {
    const isUnknown = !isKnown() && !settings.visitor && !isAnswered && !hasWritten();
    // What the server knows of a restored chat's visitor comes with its connection.
    const isWanted = wish() !== "off" && ["starting", "live"].includes(chat.phase) && isUnknown;
    if (isWanted === Boolean(form)) return;
    if (!isWanted) return hide();
    form = askWho(core, { isRequired: wish() === "required", onDone });
    const hadFocus = composer.contains(composer.getRootNode().activeElement);
    composer.before(form.node);
    panel.classList.add("asking");
    if (hadFocus) form.focus();
  }

  function hide() {
    form?.node.remove();
    form = null;
    panel.classList.remove("asking");
  }

  function onDone(given) {
    isAnswered = true;
    answer = given;
    hide();
    textBox.focus();
    tell();
  }

  function tell() {
    if (answer && !isTold) isTold = chat.talk?.send(FRAME.identify, answer) ?? false;
  }

  chat.addEventListener("frame", ({ detail: { type, payload } }) => {
    if (type !== FRAME.ready) return;
    isTold = false;
    if (!isKnown()) tell();
  });
  chat.addEventListener("change", show);
  show();
}
