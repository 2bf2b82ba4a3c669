import { HostEvents } from "./events.js";
import { Options, optionsOf } from "./options.js";
import { Widget } from "./widget.js";

/** The methods of `CallCenterChat`; `scriptUrl` is where the script was loaded from, if that can be known. */
function makeMethods(scriptUrl) {
  const events = new HostEvents();
  const complain = (text) => console.error(`CallCenterChat: ${text}`);
  let options = null;
  let widget = null;

  const opts = () => (options = options ?? new Options(new URL(scriptUrl || location.href).origin, complain));
  const there = () => {
    if (!widget) throw new TypeError("call init first");
    return widget;
  };

  const methods = {
    init(given) {
      opts().give(given);
      if (!options.tenantId) throw new TypeError('"tenantId" is required');
      if (widget?.update()) return;
      widget?.shutdown();
      widget = null;
      widget = new Widget(options, {
        tell: (name, detail) => events.emit(name, detail),
        complain,
        scriptUrl,
      });
      events.emit("ready", { version: VERSION });
    },

    open: () => there().toggle(true),
    close: () => there().toggle(false),
    toggle: () => there().toggle(),
    show: () => there().setVisible(true),
    hide: () => there().setVisible(false),

    update(given) {
      there();
      methods.init(given);
    },

    identify(visitor) {
      opts().identify(visitor);
      widget?.identify();
    },

    send: (text) => there().send(String(text)),
    end: async () => (widget ? widget.end() : true),
    on: (name, handler) => events.on(name, handler),
    off: (name, handler) => events.off(name, handler),

    shutdown() {
      widget?.shutdown();
      widget = options = null;
    },

    getState: () => ({ isReady: widget !== null, ...widget?.state }),
  };
  for (const [name, method] of Object.entries(methods)) methods[name] = guarded(name, method, complain);
  return methods;
}

// A mistake in the snippet, or ours, must not stop the host page's own script.
function guarded(name, method, complain) {
  return (...args) => {
    try {
      return method(...args);
    } catch (error) {
      complain(`${name}: ${error.message}`);
    }
  };
}

// Only known while the script runs for the first time.
const script = document.currentScript;
const there = window.CallCenterChat;
// Included twice, the first one stays, whatever its version: it has the chat.
const isFirst = typeof there?.getState !== "function";
const calls = (isFirst && there?.q) || [];
// The stub becomes the widget: who has kept it in a variable has the right one.
const chat = isFirst
  ? Object.assign(there?.q ? there : {}, makeMethods(script?.src), { version: VERSION })
  : there;
window.CallCenterChat = chat;

const options = optionsOf(script?.dataset ?? {});
if (options.tenantId) chat.init(options);
for (const [name, ...args] of calls) chat[name]?.(...args);
