import css from "./forms/rating.css";
import { makeRating } from "./forms/rating.js";

export const styles = css;

export { texts } from "./forms/rating.js";

/** Asks how it was once a chat is over in which an agent has written. Loaded with the first one. */
export function create(core) {
  const { chat, notice, wantsRating } = core;
  let asked = null;
  let form = null;

  function show() {
    const closed = wantsRating() ? chat.shown : null;
    if (closed === asked) return;
    asked = closed;
    form?.remove();
    if (!closed) return;
    form = makeRating(core, closed);
    notice.lastChild.before(form);
  }

  chat.addEventListener("change", show);
  show();
}
