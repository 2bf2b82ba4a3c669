import { Options } from "./options.js";
import { Widget } from "./widget.js";

// Only known while the script runs for the first time.
const SCRIPT_ORIGIN = new URL(document.currentScript?.src || location.href, location.href).origin;

let options = null;
let widget = null;

const CallCenterChat = {
  /** Shows the widget; called again, it updates the one that is there. */
  init(given) {
    try {
      options = options ?? new Options(SCRIPT_ORIGIN);
      options.give(given);
      if (!options.tenantId) throw new TypeError("tenantId is required");
      if (widget?.update()) return;
      widget?.shutdown();
      widget = new Widget(options);
    } catch (error) {
      // A mistake in the snippet must not stop the host page's own script.
      console.error(`CallCenterChat.init: ${error.message}`);
    }
  },

  open() {
    widget?.toggle(true);
  },

  close() {
    widget?.toggle(false);
  },

  /** Takes the widget off the page; the chat stays stored. */
  shutdown() {
    widget?.shutdown();
    widget = options = null;
  },
};

// Included twice, the first one stays: it has the chat.
if (typeof window.CallCenterChat?.init !== "function") window.CallCenterChat = CallCenterChat;
