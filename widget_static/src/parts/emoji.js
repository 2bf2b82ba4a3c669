import css from "./emoji.css";

export const styles = css;

const COLUMNS = 8;
// Of the first Emoji versions: every system has them.
const EMOJI = [
  ..."😀😃😄😁😆😅😂😊🙂😉😍😘😋😜🤔😐😏😒😔😕😢😭😤😠😱😳😴😷😎😇🙄😬",
  ..."👍👎👌👏🙏💪👋🙌🎉🎁🔥⭐✅❌❓❗💯💬💡📦🚚💳📷📞",
  ...["❤️", "☀️", "☎️", "✌️", "💔", "💚", "🌹", "☕"],
];

/** The picker that belongs to the button: use() opens and closes it. */
export function create({ chat, element, texts, composer, textBox }) {
  const button = composer.querySelector(".emoji");
  const buttons = EMOJI.map((emoji, i) => {
    const tabindex = i === 0 ? "0" : "-1";
    return element("button", { type: "button", tabindex, onclick: () => insert(emoji) }, emoji);
  });
  const node = element(
    "div",
    { class: "emojis", role: "dialog", "aria-label": texts.get("emoji"), hidden: true, onkeydown: move },
    ...buttons,
  );
  composer.append(node);

  function move(event) {
    const from = buttons.indexOf(event.target);
    const isMirrored = getComputedStyle(node).direction === "rtl";
    const ahead = isMirrored ? -1 : 1;
    const step = { ArrowRight: ahead, ArrowLeft: -ahead, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    const to = buttons[from + step];
    if (!to) return;
    event.preventDefault();
    buttons[from].tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  function insert(emoji) {
    textBox.setRangeText(emoji, textBox.selectionStart, textBox.selectionEnd, "end");
    textBox.dispatchEvent(new Event("input"));
    close();
  }

  function close() {
    if (node.hidden) return false;
    node.hidden = true;
    button.setAttribute("aria-expanded", "false");
    textBox.focus();
    return true;
  }

  function use() {
    if (close()) return;
    node.hidden = false;
    button.setAttribute("aria-expanded", "true");
    buttons.find((one) => one.tabIndex === 0).focus();
  }

  // Before the window hears of it: the picker alone is closed.
  composer.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && close()) event.stopPropagation();
  });
  chat.addEventListener("send", close);
  return { use };
}
