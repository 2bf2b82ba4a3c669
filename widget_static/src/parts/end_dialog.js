import css from "./end_dialog.css";

export const styles = css;

export const texts = {
  endQuestion: "End this chat?",
  endExplained: "The conversation will be closed. You can start a new one at any time.",
  keepChatting: "Keep chatting",
  ending: "Ending…",
  endFailed: "The chat could not be ended. Please check your connection and try again.",
};

/**
 * Asks whether the chat shall end, over the window. `onEnd()` ends it and rejects when that failed: the dialog then
 * says so. `onClose()` when it is closed, also by close().
 */
export function create({ element, texts, panel, composer, notice, textBox }, { onEnd, onClose }) {
  const behind = [...panel.children, panel.parentNode.querySelector(".launcher")];
  const endButton = panel.querySelector(".end");
  let isEnding = false;

  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const keep = element(
    "button",
    { type: "button", class: "button", onclick: close },
    texts.get("keepChatting"),
  );
  const end = element(
    "button",
    { type: "button", class: "button danger", onclick: confirm },
    texts.get("endChat"),
  );
  const dialog = element(
    "div",
    {
      class: "dialog",
      role: "alertdialog",
      "aria-modal": "true",
      "aria-labelledby": "question",
      "aria-describedby": "explained",
    },
    element("h2", { id: "question" }, texts.get("endQuestion")),
    element("p", { id: "explained" }, texts.get("endExplained")),
    problem,
    element("div", { class: "choices" }, keep, end),
  );

  async function confirm() {
    if (isEnding) return;
    setEnding(true);
    problem.hidden = true;
    try {
      await onEnd();
    } catch {
      setEnding(false);
      problem.textContent = texts.get("endFailed");
      problem.hidden = false;
    }
  }

  // Not by disabling the button that was pressed: it would drop the focus.
  function setEnding(value) {
    isEnding = value;
    keep.disabled = value;
    end.textContent = texts.get(value ? "ending" : "endChat");
  }

  function close() {
    const hadFocus = veil.contains(veil.getRootNode().activeElement);
    veil.remove();
    for (const node of behind) node.inert = false;
    onClose();
    if (!hadFocus) return;
    const rest = composer.hidden ? notice.lastChild : textBox;
    (endButton.hidden ? rest : endButton).focus({ preventScroll: true });
  }

  const veil = element("div", { class: "veil" }, dialog);
  for (const node of behind) node.inert = true;
  panel.append(veil);
  keep.focus();
  return { close };
}
