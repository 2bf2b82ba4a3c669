const MAY_BE_LINK = /https?:|@/i;
const NEARLY_TOO_LONG = 0.9;
// Kept by the part for files: the names of those that a reload has lost.
const LOST_FILES = "cc_chat_files";

/** The parts that few chats need, by what needs them. */
const NEEDS = {
  expiry: ({ seen }) => seen.expiresAt,
  files: ({ chat, seen }) =>
    seen.files.length || seen.isDragged || chat.store.messages.some(({ attachment }) => attachment) || hasLost(),
  links: ({ seen }) => seen.hasLink,
  offline: ({ chat }) => chat.trouble === "nobody",
  prechat: ({ settings }) => /^(optional|required)$/.test(settings.config.prechat),
  rating: ({ wantsRating }) => wantsRating(),
  unread: ({ chat }) => chat.unread,
  unsent: ({ chat, textBox, MAX_TEXT }) =>
    textBox.value.length > NEARLY_TOO_LONG * MAX_TEXT || chat.store.outbox.some(({ state }) => state === "failed"),
};

/**
 * Loads what is needed when it is needed. Adds to `core`: `use(name, load)`, which gives what a part has made, once for
 * this widget; `look()` for what needs a part without a change of the chat; `seeText(text)`; and `seen`, what needs
 * them: the `files` that the visitor has given, isDragged, hasLink, the `latest` message and when it came, expiresAt.
 */
export function followNeeds(core) {
  const { chat, textBox, loadPart, signal, FRAME } = core;
  const made = new Map();
  const tried = {};
  core.seen = { files: [] };

  core.use = async (name, load = loadPart) => {
    const part = await load(name);
    if (part && !made.has(name) && !signal.aborted) {
      made.set(name, part.create(core));
      core.changed();
    }
    return made.get(name);
  };

  core.look = () => {
    for (const [name, isNeeded] of Object.entries(NEEDS)) {
      // One that did not come is asked for again when the need or the connection is a new one.
      const need = !made.has(name) && isNeeded(core) && chat.link;
      if (need && need !== tried[name]) core.use(name).catch(() => {});
      tried[name] = need;
    }
  };

  core.seeText = (text) => {
    core.seen.hasLink ||= MAY_BE_LINK.test(text);
  };
  chat.addEventListener("message", ({ detail }) => {
    core.seen.latest = { ...detail, cameAt: Date.now() };
    if (detail.sender_type !== "system") core.seen.expiresAt = null;
  });
  chat.addEventListener("frame", ({ detail: { type, payload } }) => {
    if (type === FRAME.expiring) core.seen.expiresAt = payload.at;
  });
  textBox.addEventListener("input", core.look);
  // Once it is drawn.
  chat.addEventListener("change", () => queueMicrotask(core.look));
}

function hasLost() {
  try {
    return sessionStorage.getItem(LOST_FILES);
  } catch {
    return false;
  }
}
