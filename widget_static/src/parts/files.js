// Files: how they are shown, and how they are sent.

import failedCss from "./unsent/failed.css";
import drawCss from "./files/draw.css";
import { drawFile } from "./files/draw.js";
import sendCss from "./files/send.css";
import { sendFiles } from "./files/send.js";
import { showTarget } from "./files/target.js";

export const styles = [failedCss, drawCss, sendCss].join("");

export const texts = {
  dropFiles: "Drop files here to send them",
  retry: "Retry",
  "file.waiting": "Waiting…",
  "file.remove": "Remove",
  "file.progress": "Sending {name}",
  "file.too_large": "This file is too large. At most {size} can be sent.",
  "file.invalid": "This kind of file cannot be sent.",
  "file.damaged": "This file could not be read. It may be damaged, or not what its name says.",
  "file.network": "It could not be sent. Please check your connection and try again.",
  "file.busy": "Too many files at once. Please wait a moment and try again.",
  "file.session_over": "The chat ended before this file was sent.",
  "file.lost": "It was not sent before the page was left. Please choose it again.",
};

/** Loaded with the first file in the chat, or over its window. */
export function create(core) {
  core.draw((node, item) => drawFile(core, node, item));
  showTarget(core);
  return sendFiles(core);
}
