import css from "./forms/letter.css";
import { makeLetter } from "./forms/letter.js";

export const styles = css;

export { texts } from "./forms/letter.js";

/** While nobody is there, a message is left instead of a chat begun. Loaded when that is so. */
export function create(core) {
  const { chat, panel, composer, notice, textBox } = core;
  let form = null;
  let wasAsking = false;

  function show() {
    // With each opening it is asked whether somebody is there by now: the form stays until that is known.
    const isAsking = chat.phase === "starting";
    const isOpened = isAsking && !wasAsking;
    wasAsking = isAsking;
    if (chat.trouble !== "nobody" && !(isAsking && form)) return hide();
    if (form?.isDone && isOpened) return hide();
    if (!form) ask();
    // Once the window is there, which knows nothing of the form.
    if (isOpened) queueMicrotask(() => form?.focus());
  }

  function ask() {
    const hadFocus = panel.contains(panel.getRootNode().activeElement);
    form = makeLetter(core, takeTyped());
    notice.before(form.node);
    panel.classList.add("leaving");
    if (hadFocus) form.focus();
  }

  // What stands in the text box, and what could not be sent.
  function takeTyped() {
    const { value } = textBox;
    const typed = chat.draft.includes(value) ? chat.draft : [chat.draft, value].join("\n").trim();
    write("");
    return typed;
  }

  // Somebody is there after all: what was written can be sent.
  function hide() {
    if (!form) return;
    const { node, text } = form;
    const hadFocus = node.contains(node.getRootNode().activeElement);
    node.remove();
    panel.classList.remove("leaving");
    form = null;
    if (text && !textBox.value) write(text);
    if (hadFocus && !composer.hidden) textBox.focus();
  }

  function write(text) {
    textBox.value = text;
    textBox.dispatchEvent(new Event("input"));
  }

  chat.addEventListener("change", show);
  show();
}
