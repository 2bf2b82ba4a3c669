import css from "./links/links.css";
import { pieces } from "./links/pieces.js";

export const styles = css;

/** Loaded with the first text that may hold an address. */
export function create({ element, transcript }) {
  const written = ({ text, href }) =>
    href ? element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text) : text;
  transcript.improve({ write: (text) => pieces(text).map(written) });
}
