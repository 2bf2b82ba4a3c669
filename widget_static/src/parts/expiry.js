import { warnOfExpiry } from "./expiry/countdown.js";
import css from "./expiry/expiry.css";

export const styles = css;

export const texts = {
  expiring: "Nobody has written for a while. This chat will be closed in {time}.",
  stillHere: "I'm still here",
};

/** Loaded when the server says when the chat is to be closed. */
export const create = warnOfExpiry;
