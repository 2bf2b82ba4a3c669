// Files in the window: how they are shown, and how they are given to the part that sends them.

import { name } from "./tools.js";

const CLIP = "m20 11.5-8.2 8.2a5 5 0 0 1-7.1-7.1l8.6-8.6a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.7-7.7";
const PAGE = "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8Zm0 0v5h5M9 13h6m-6 4h4";
const LARGEST_PX = 260;
// Read by attachments.js, too: the chat's id, and the names of the files that are not sent yet.
const LOST = "cc_chat_files";

/** Draws the file of an item into its row, if it is that of a file. */
export function drawFile({ api, chat, element, icon, texts }, node, { key }) {
  const { attachment } =
    chat.store.messages.find(
      ({ attachment, client_message_id, seq }) => attachment && [client_message_id, `seq ${seq}`].includes(key),
    ) ?? {};
  if (!attachment) return;
  const { name, size, url, thumbnail } = attachment;
  const bubble = node.querySelector(".bubble");
  const at = (path) => new URL(path, api.root).href;
  const link = (className, ...children) =>
    element(
      "a",
      { class: className, href: at(url), target: "_blank", rel: "noopener noreferrer" },
      ...children,
    );
  const showName = () => {
    bubble.className = "bubble";
    bubble.replaceChildren(link("file", icon(PAGE), nameAndSize(element, texts, { name, size })));
  };
  if (!thumbnail) return showName();
  // Its place is there before the picture is: what stands below must not move away from the reader.
  const scale = Math.min(1, LARGEST_PX / Math.max(thumbnail.width, thumbnail.height));
  const [width, height] = [thumbnail.width, thumbnail.height].map((px) => Math.ceil(px * scale));
  const picture = { src: at(thumbnail.url), width, height, alt: name, onerror: showName };
  bubble.className = "bubble picture";
  bubble.replaceChildren(link("", element("img", { ...picture, referrerpolicy: "no-referrer" })));
}

/** Two lines: what it is called, and how large it is. */
export function nameAndSize(element, texts, { name, size }) {
  return element(
    "span",
    {},
    element("bdi", {}, name),
    element("small", { class: "size" }, sizeText(size, texts.locale)),
  );
}

/** Such as "48 kB", in the language's way. */
export function sizeText(bytes, locale) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const format = { style: "unit", unit, maximumFractionDigits: bytes < 1e6 ? 0 : 1 };
  return new Intl.NumberFormat(locale, format).format(Math.max(bytes / divisor, 1));
}

/** Takes files by button, by paste and by drop, where the tenant takes some. */
export function takeFiles(core) {
  const { api, chat, element, icon, texts, panel, textBox, composer, part, signal } = core;
  let rules = null;
  let sender = null;
  let wasLink = chat.link;

  const input = element("input", { type: "file", multiple: true, hidden: true, tabindex: "-1", onchange: choose });
  const button = element(
    "button",
    { type: "button", class: "tool attach", hidden: true, onclick: () => input.click() },
    icon(CLIP),
  );

  // What could not be handed on, since the part could not be loaded: it is tried again with the connection.
  let waiting = [];

  async function add(files, lost = []) {
    waiting.push(...files);
    const loaded = await part("attachments");
    if (!loaded || signal.aborted) return;
    sender = sender ?? loaded.create(core, { rules, icon: () => icon(PAGE), nameAndSize, sizeText, note: LOST });
    sender.add(waiting);
    sender.tellLost(lost);
    waiting = [];
  }

  const addWaiting = () => waiting.length && add([]);

  function choose() {
    add([...input.files]);
    // The same file may be chosen once more.
    input.value = "";
    textBox.focus();
  }

  const mayTake = () => rules && !composer.hidden && !panel.classList.contains("asking");
  const hasFiles = ({ dataTransfer }) => mayTake() && [...(dataTransfer?.types ?? [])].includes("Files");
  const showTarget = (isShown) => panel.classList.toggle("dropping", isShown);

  // What an office programme copies is text, and a picture of the text.
  textBox.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    if (!mayTake() || !files.length || [...types].includes("text/plain")) return;
    event.preventDefault();
    add([...files]);
  });
  panel.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    showTarget(true);
  });
  panel.addEventListener("dragleave", ({ relatedTarget }) => panel.contains(relatedTarget) || showTarget(false));
  panel.addEventListener("drop", (event) => {
    showTarget(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    add([...event.dataTransfer.files]);
  });

  const target = element("div", { class: "drop", "aria-hidden": "true" });
  textBox.after(button);
  panel.append(input, target);

  // The page before may have been left with files that were not sent: they are gone, and the visitor must know.
  function tellLost() {
    try {
      const { id, names } = JSON.parse(sessionStorage.getItem(LOST)) ?? {};
      if (id && id === chat.ids.sessionId) add([], names);
    } catch {
      // Storage is denied, or somebody else's.
    }
  }

  let asked = null;
  async function look() {
    name(button, texts.get("attach"));
    target.textContent = texts.get("dropFiles");
    if (asked === api.configured) return;
    asked = api.configured;
    try {
      rules = (await asked).attachments;
    } catch {
      return; // The widget asks again.
    }
    button.hidden = !rules;
    if (!rules) return;
    input.accept = rules.endings.join();
    tellLost();
  }
  chat.addEventListener("change", () => {
    look();
    if (chat.link === "ready" && wasLink !== "ready") addWaiting();
    wasLink = chat.link;
  });
  window.addEventListener("online", addWaiting, { signal });
  look();
}
