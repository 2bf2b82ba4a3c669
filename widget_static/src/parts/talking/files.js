import { makeTool } from "./tools.js";

const CLIP = "m20 11.5-8.2 8.2a5 5 0 0 1-7.1-7.1l8.6-8.6a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.7-7.7";
const LARGEST_PX = 260;

/** A picture's place is there before the part that draws it: what stands below must not move away from the reader. */
export function holdPlace(node, { attachment }) {
  const { width, height } = attachment?.thumbnail ?? {};
  if (!width) return;
  const { style } = node.querySelector(".bubble");
  style.width = `${width * Math.min(1, LARGEST_PX / Math.max(width, height))}px`;
  style.aspectRatio = `${width}/${height}`;
}

/** Takes files by button, by paste and by drop, where the tenant takes some: into `seen.files`, for their part. */
export function takeFiles(core) {
  const { chat, element, settings, panel, textBox, composer, seen } = core;
  const input = element("input", { type: "file", multiple: true, hidden: true, tabindex: "-1", onchange: choose });
  const button = makeTool(core, "attach", CLIP, () => "attach", () => input.click());

  // What cannot be handed on, since the part does not come, is tried again with the connection.
  async function take(files) {
    seen.files.push(...files);
    (await core.use("files", core.part))?.send();
  }

  function choose() {
    take(input.files);
    // The same file may be chosen once more.
    input.value = "";
    textBox.focus();
  }

  const mayTake = () => settings.config.attachments && !composer.hidden && !panel.classList.contains("asking");

  // What an office programme copies is text, and a picture of the text.
  textBox.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    if (!mayTake() || !files.length || [...types].includes("text/plain")) return;
    event.preventDefault();
    take(files);
  });

  function drag(event) {
    const { dataTransfer } = event;
    if (!mayTake() || ![...(dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    dataTransfer.dropEffect = "copy";
    seen.isDragged = true;
    if (event.type === "drop") take(dataTransfer.files);
    else core.look();
  }
  for (const type of ["dragover", "drop"]) panel.addEventListener(type, drag);

  function show() {
    const rules = settings.config.attachments;
    button.hidden = !rules;
    input.accept = rules?.endings.join() ?? "";
  }
  textBox.after(button);
  panel.append(input);
  chat.addEventListener("change", show);
  show();
}
