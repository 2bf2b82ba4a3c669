import { makeAnnouncer } from "./talking/announcer.js";
import avatarCss from "./talking/avatar.css";
import { avatarOf, learnPictures, showAgent } from "./talking/avatar.js";
import { addBell } from "./talking/bell.js";
import { arrangeByDay } from "./talking/days.js";
import { followEnd } from "./talking/end.js";
import { standIn } from "./talking/fallback.js";
import { holdPlace, takeFiles } from "./talking/files.js";
import { keepFocus } from "./talking/focus.js";
import { growWithText } from "./talking/grow.js";
import { keepDraft, keepPlace, markRow } from "./talking/memory.js";
import { followNeeds } from "./talking/needs.js";
import { waitForRating } from "./talking/rating.js";
import { markEarlier, markRestored, withoutUnsaid } from "./talking/restored.js";
import talkingCss from "./talking/talking.css";
import toolsCss from "./talking/tools.css";
import { addTools } from "./talking/tools.js";
import { showTyping, tellTyping } from "./talking/typing.js";
import { fitViewport } from "./talking/viewport.js";

export const styles = [talkingCss, avatarCss, toolsCss].join("");

export const texts = {
  restored: "Your chat has been restored",
  earlier: "Your earlier chat has ended.",
  "earlier.away": "Your earlier chat has ended because you were away for a while.",
  today: "Today",
  yesterday: "Yesterday",

  attach: "Attach files",
  emoji: "Emoji",
  soundOff: "Turn sound off",
  soundOn: "Turn sound on",
  download: "Download transcript",

  // More precise than what the core says by itself.
  "over.visitor": "You ended this chat. Thank you!",
  "over.agent": "The agent has ended this chat.",
  "over.admin": "This chat has been closed.",
  "over.idle": "This chat was closed because nobody wrote for a while.",
  "over.disconnected": "This chat was closed because the connection was lost for too long.",
  "over.not_found": "This chat is no longer available.",
  // What the server tells in English alone, by the reason of the message's event.
  "event.accepted": "{name} joined the chat",
  "event.agent_gone": "{name} left the chat",
  "event.reopened": "You are back",
  "event.visitor": "You ended the chat",
  "event.agent": "{name} ended the chat",
  "event.admin": "The chat was closed",
  "event.idle": "The chat was closed: nobody wrote for a while",
  "event.disconnected": "The connection was lost for a while",

  nobody: "Nobody is here right now. Please try again later.",
  "nobody.status": "Nobody is here right now",
  replaced: "This chat is open in many other tabs.",
  "replaced.button": "Continue here",
};

/** What makes talking pleasant; `shared` is the core of the README. */
export function create(shared) {
  const draws = [];
  const core = {
    ...shared,
    announce: makeAnnouncer(shared),
    pictures: new Map(),
    changed: () => shared.chat.dispatchEvent(new Event("change")),
    /** From now on `draw(node, item)` adds to what has been drawn of each item. */
    draw(draw) {
      draws.push(draw);
      core.transcript.improve({});
    },
  };
  // These two first: what is half-written is shown by the others, and looked at.
  waitForRating(core);
  followNeeds(core);
  core.transcript.improve({
    write(text) {
      core.seeText(text);
      return [text];
    },
    arrange: (items) => {
      // Days are told from the server's clock: the device's may be wrong.
      const now = new Date(Date.now() + core.chat.skew);
      const shown = markRestored(withoutUnsaid(items, core.chat), core.chat, core.texts);
      return arrangeByDay(markEarlier(shown, core.chat, core.texts), core.texts, now);
    },
    draw: (node, item) => {
      const { kind, name, follows, isFollowed } = item;
      markRow(node, item);
      node.classList.toggle("follows", Boolean(follows));
      node.classList.toggle("followed", Boolean(isFollowed));
      if (kind === "agent" && !follows) node.prepend(avatarOf(core, name));
      holdPlace(node, item);
      for (const draw of draws) draw(node, item);
    },
  });
  learnPictures(core);
  showAgent(core);
  tellTyping(core);
  showTyping(core);
  growWithText(core);
  fitViewport(core);
  keepFocus(core);
  keepDraft(core);
  keepPlace(core);
  followEnd(core);
  addTools(core);
  takeFiles(core);
  addBell(core);
  standIn(core);
  core.changed();
}
