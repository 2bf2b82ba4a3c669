// What calls a visitor who does not look.

import css from "./unread/newer.css";
import { addPill } from "./unread/newer.js";
import { addSound } from "./unread/sound.js";
import { countInTitle } from "./unread/title.js";

export const styles = css;

export const texts = {
  newMessages: { one: "1 new message", other: "{count} new messages" },
  toNewest: "To the newest message",
};

/** Loaded with the first message that is not seen as it comes. */
export function create(core) {
  countInTitle(core);
  addPill(core);
  addSound(core);
}
