const DOWNLOAD = "M12 4.5v10m-4.5-4 4.5 4.5 4.5-4.5M5 19.5h14";
const SMILE = "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM8 14.5a5 5 0 0 0 8 0M9 9.5v.01M15 9.5v.01";

/** The buttons for what few visitors need, and which is loaded with the click. */
export function addTools(core) {
  addDownload(core);
  addEmoji(core);
}

function addDownload(core) {
  const { chat, panel, element, icon, texts, part } = core;
  const button = element("button", { type: "button", class: "tool", onclick: download }, icon(DOWNLOAD));
  let isBusy = false;

  async function download() {
    if (isBusy) return;
    isBusy = true;
    const transcript = await part("transcript_download");
    await transcript?.create(core);
    isBusy = false;
  }

  function show() {
    name(button, texts.get("download"));
    button.hidden = !chat.shown || chat.store.messages.length === 0;
  }

  addToHeader(panel, button);
  chat.addEventListener("change", show);
  show();
}

function addEmoji(core) {
  const { chat, composer, textBox, element, icon, texts, part } = core;
  const button = element(
    "button",
    {
      type: "button",
      class: "tool emoji",
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      onclick: toggle,
    },
    icon(SMILE),
  );
  let picker = null;

  async function toggle() {
    picker = picker ?? (await part("emoji"))?.create(core, button);
    picker?.toggle();
  }

  textBox.after(button);
  // Before the window hears of it: the picker alone is closed.
  composer.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && picker?.close()) event.stopPropagation();
  });
  chat.addEventListener("send", () => picker?.close());
  chat.addEventListener("change", () => name(button, texts.get("emoji")));
  name(button, texts.get("emoji"));
}

export function addToHeader(panel, button) {
  panel.querySelector(".minimize").before(button);
}

export function name(button, text) {
  button.setAttribute("aria-label", text);
  button.title = text;
}
