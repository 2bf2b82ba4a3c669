import { makeAnnouncer } from "./talking/announcer.js";
import avatarCss from "./talking/avatar.css";
import { avatarOf, learnPictures, showAgent } from "./talking/avatar.js";
import { countCharacters } from "./talking/counter.js";
import { arrangeByDay } from "./talking/days.js";
import endCss from "./talking/end.css";
import { followEnd } from "./talking/end.js";
import expiryCss from "./talking/expiry.css";
import { warnOfExpiry } from "./talking/expiry.js";
import { standIn } from "./talking/fallback.js";
import filesCss from "./talking/files.css";
import { drawFile, takeFiles } from "./talking/files.js";
import { keepFocus } from "./talking/focus.js";
import { growWithText } from "./talking/grow.js";
import { askForMessage } from "./talking/leave.js";
import { pieces } from "./talking/links.js";
import { keepDraft, keepPlace, markRow } from "./talking/memory.js";
import { askWho } from "./talking/prechat.js";
import { askRating } from "./talking/rating.js";
import { settle } from "./talking/settle.js";
import { addSound } from "./talking/sound.js";
import talkingCss from "./talking/talking.css";
import { countInTitle } from "./talking/title.js";
import toolsCss from "./talking/tools.css";
import { addTools } from "./talking/tools.js";
import { showTyping, tellTyping } from "./talking/typing.js";
import { drawFailure } from "./talking/failure.js";
import { markEarlier, markRestored, withoutUnsaid } from "./talking/restored.js";
import { fitViewport } from "./talking/viewport.js";

export const styles = [talkingCss, avatarCss, toolsCss, endCss, expiryCss, filesCss].join("");

export const texts = {
  restored: "Your chat has been restored",
  earlier: "Your earlier chat has ended.",
  "earlier.away": "Your earlier chat has ended because you were away for a while.",
  today: "Today",
  yesterday: "Yesterday",
  retry: "Retry",
  newMessages: { one: "1 new message", other: "{count} new messages" },
  toNewest: "To the newest message",

  charactersLeft: { one: "1 character left", other: "{count} characters left" },
  charactersOver: { one: "1 character too many", other: "{count} characters too many" },

  attach: "Attach files",
  dropFiles: "Drop files here to send them",
  emoji: "Emoji",
  soundOff: "Turn sound off",
  soundOn: "Turn sound on",
  download: "Download transcript",

  expiring: "Nobody has written for a while. This chat will be closed in {time}.",
  stillHere: "I'm still here",

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
  const core = { ...shared, announce: makeAnnouncer(shared), pictures: new Map() };
  core.transcript.improve({
    write: (text) => pieces(text).map((piece) => written(core, piece)),
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
      drawFile(core, node, item);
      if (item.state === "failed") drawFailure(core, node, item);
    },
  });
  learnPictures(core);
  showAgent(core);
  tellTyping(core);
  showTyping(core);
  growWithText(core);
  countCharacters(core);
  fitViewport(core);
  keepFocus(core);
  keepDraft(core);
  keepPlace(core);
  followEnd(core);
  countInTitle(core);
  addTools(core);
  takeFiles(core);
  askWho(core);
  addSound(core);
  warnOfExpiry(core);
  askRating(core);
  askForMessage(core);
  settle(core);
  standIn(core);
}

function written({ element }, { text, href }) {
  if (!href) return text;
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}
