// What cannot be sent, or could not.

import counterCss from "./unsent/counter.css";
import { countCharacters } from "./unsent/counter.js";
import failedCss from "./unsent/failed.css";
import { drawFailure } from "./unsent/failure.js";
import { settle } from "./unsent/settle.js";

export const styles = failedCss + counterCss;

export const texts = {
  retry: "Retry",
  charactersLeft: { one: "1 character left", other: "{count} characters left" },
  charactersOver: { one: "1 character too many", other: "{count} characters too many" },
};

/** Loaded with the first text that comes near the limit, or was not sent. */
export function create(core) {
  countCharacters(core);
  core.draw((node, item) => item.state === "failed" && drawFailure(core, node, item));
  settle(core);
}
