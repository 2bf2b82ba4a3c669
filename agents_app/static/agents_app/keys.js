/** The keyboard: what each key does, as data, and when it does it. */

/**
 * `action` names what is done, `what` says it, `when` under which condition. A key is what
 * `KeyboardEvent.key` says; `Mod` is Ctrl, or Command on a Mac. All but Mod and Escape are single keys, which
 * can be switched off.
 */
export const KEYS = [
  { key: "j", action: "nextRow", what: "Next chat in the list" },
  { key: "k", action: "previousRow", what: "Previous chat in the list" },
  { key: "q", action: "nextInQueue", what: "Open the chat that has waited longest", when: "somebody waits" },
  { key: "a", action: "accept", what: "Accept the chat", when: "a waiting chat is open" },
  { key: "r", action: "reply", what: "Write an answer", when: "a chat of yours is open" },
  { key: "n", action: "note", what: "Write a private note", when: "a chat is open" },
  { key: "t", action: "transfer", what: "Transfer the chat", when: "a chat of yours is open" },
  { key: "h", action: "hold", what: "Keep the chat open for 1 hour", when: "a chat of yours is open" },
  { key: "e", action: "end", what: "End the chat", when: "a chat of yours is open" },
  { key: "/", action: "search", what: "Search the history" },
  { key: "?", action: "help", what: "Show these keys" },
  { key: "Mod+K", action: "palette", what: "Go to a chat, a view, a colleague; do something" },
  { key: "Escape", action: "leave", what: "Leave the text field, then the chat" },
];

const NOT_TEXT = ["checkbox", "radio", "button", "submit", "reset", "file", "range", "color"];

/** The key of the table that an event stands for, or null. A letter is one on any keyboard. */
export function keyOf(event, isMac = false) {
  const { key, code = "", ctrlKey, metaKey, altKey, shiftKey, isComposing, keyCode } = event;
  // While an input method composes, keys choose words; Safari says so by the key code alone.
  if (isComposing || keyCode === 229 || altKey) return null;
  const isAscii = /^[!-~]$/.test(key);
  const name = isAscii ? key : (/^Key([A-Z])$/.exec(code)?.[1] ?? key);
  const isLetter = /^[a-z]$/i.test(name);
  if (ctrlKey || metaKey) {
    const isMod = isMac ? metaKey && !ctrlKey : ctrlKey && !metaKey;
    return isMod && isLetter && !shiftKey ? `Mod+${name.toUpperCase()}` : null;
  }
  // Shift says what a sign is, but makes another key of a letter; caps lock does not.
  if (isLetter) return shiftKey ? null : name.toLowerCase();
  return name;
}

/**
 * What an event asks for: an action of KEYS, or null. `isTyping` and `isDialogOpen` say where it fell,
 * `areSingleKeysOn` is the agent's switch.
 */
export function actionFor(event, { isTyping, isDialogOpen, areSingleKeysOn, isMac }) {
  const key = keyOf(event, isMac);
  const entry = KEYS.find((candidate) => candidate.key === key);
  if (!entry || isDialogOpen) return null;
  if (isSingle(key) && (isTyping || !areSingleKeysOn)) return null;
  return entry.action;
}

export function isSingle(key) {
  return key.length === 1;
}

/** How a key of the table is written on the keyboard. */
export function keyLabel(key, isMac) {
  if (key === "Escape") return "Esc";
  return key.replace("Mod+", isMac ? "⌘" : "Ctrl ");
}

export function isTextField(node) {
  if (node.isContentEditable) return true;
  return node.matches("textarea, select") || (node.matches("input") && !NOT_TEXT.includes(node.type));
}

/** Listens for KEYS and does what `actions` ({name: {can, run}}) has for them. */
export class Keyboard {
  constructor(actions, { preferences, isMac }) {
    document.addEventListener("keydown", (event) => {
      // What a list of suggestions or an open menu has used is not ours.
      if (event.defaultPrevented) return;
      const action = actionFor(event, {
        isTyping: isTextField(event.target),
        isDialogOpen: document.querySelector("dialog[open], [popover]:popover-open") !== null,
        areSingleKeysOn: preferences.isOn("keys"),
        isMac,
      });
      if (!action || !actions[action].can()) return;
      event.preventDefault();
      actions[action].run();
    });
  }
}
