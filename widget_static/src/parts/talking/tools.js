const DOWNLOAD = "M12 4.5v10m-4.5-4 4.5 4.5 4.5-4.5M5 19.5h14";
const SMILE = "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM8 14.5a5 5 0 0 0 8 0M9 9.5v.01M15 9.5v.01";

/** A button of a line drawing; its name is the text `nameOf()` gives, in the language that is spoken by then. */
export function makeTool({ chat, element, icon, texts }, kind, drawing, nameOf, onclick) {
  const button = element("button", { type: "button", class: `tool ${kind}`, onclick }, icon(drawing));
  function show() {
    button.title = texts.get(nameOf());
    button.setAttribute("aria-label", button.title);
  }
  chat.addEventListener("change", show);
  show();
  return button;
}

export function addToHeader({ panel }, button) {
  panel.querySelector(".minimize").before(button);
}

/** The buttons for what few visitors need, and which is loaded with the click. */
export function addTools(core) {
  const { chat, textBox } = core;
  const download = makePartTool(core, "", DOWNLOAD, "download", "transcript_download");
  const emoji = makePartTool(core, "emoji", SMILE, "emoji", "emoji");
  emoji.setAttribute("aria-haspopup", "dialog");
  emoji.setAttribute("aria-expanded", "false");
  addToHeader(core, download);
  textBox.after(emoji);

  const show = () => (download.hidden = !chat.shown || chat.store.messages.length === 0);
  chat.addEventListener("change", show);
  show();
}

function makePartTool(core, kind, drawing, name, part) {
  let isBusy = false;
  // Once, however often it is clicked while the part is loaded.
  async function onclick() {
    if (isBusy) return;
    isBusy = true;
    const tool = await core.use(part, core.part);
    await tool?.use();
    isBusy = false;
  }
  return makeTool(core, kind, drawing, () => name, onclick);
}
