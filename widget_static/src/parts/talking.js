import { countCharacters } from "./talking/counter.js";
import { pieces } from "./talking/links.js";
import css from "./talking/talking.css";
import { showTyping, tellTyping } from "./talking/typing.js";
import { fitViewport } from "./talking/viewport.js";

export const styles = css;

export const texts = {
  charactersLeft: { one: "1 character left", other: "{count} characters left" },
  charactersOver: { one: "1 character too many", other: "{count} characters too many" },

  // More precise than what the core says by itself.
  "over.visitor": "You ended this chat. Thank you!",
  "over.agent": "The agent has ended this chat.",
  "over.admin": "This chat has been closed.",
  "over.idle": "This chat was closed because nobody wrote for a while.",
  "over.disconnected": "This chat was closed because the connection was lost for too long.",
  "over.not_found": "This chat is no longer available.",
  replaced: "This chat is open in many other tabs.",
  "replaced.button": "Continue here",
};

/** What makes talking pleasant, from the first opening on: links, typing, the counter, a phone's keyboard. */
export function create(core) {
  core.transcript.writeWith((text) => pieces(text).map((piece) => written(core, piece)));
  tellTyping(core);
  showTyping(core);
  countCharacters(core);
  fitViewport(core);
}

function written({ element }, { text, href }) {
  if (!href) return text;
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}
