import { nameAndSize, PAGE, sizeText } from "./draw.js";

// Looked at by talking/needs.js, too: the chat's id, and the names of the files that are not sent yet.
const LOST = "cc_chat_files";
const STALLED_AFTER_MS = 60_000;
const BUSY = ["rate_limited", "busy", "unavailable"];
// A pasted picture may have no name of its own.
const PICTURE = /^image\/(png|jpeg|gif|webp)$/;
const FINAL = ["too_large", "invalid", "damaged", "session_over"];

/**
 * Sends what is in `seen.files`, one file after the other, and shows them below the messages until each is one of
 * them. They are kept in memory alone: after a reload only their names are known. Returns {send()}.
 */
export function sendFiles(core) {
  const { api, chat, element, icon, texts, textBox, transcript, announce, warn, settings, seen, signal, Timers, uuid } =
    core;
  const timers = new Timers();
  const rules = () => settings.config.attachments;
  let entries = [];
  let sessionId = chat.ids.sessionId;
  let request = null;

  function add() {
    const files = seen.files.splice(0);
    if (!files.length) return;
    // That the part could not be loaded is over.
    warn("");
    chat.begin();
    for (const file of files) append({ file, name: file.name, size: file.size, problem: problemOf(file) });
    transcript.scrollToEnd();
    pump();
  }

  // The page before may have been left with files that were not sent: they are gone, and the visitor must know.
  function tellLost() {
    try {
      const { id, names } = JSON.parse(sessionStorage.getItem(LOST)) ?? {};
      if (!id || id !== sessionId) return;
      for (const name of names) append({ name: String(name), problem: "lost" });
      transcript.scrollToEnd();
    } catch {
      // Storage is denied, or somebody else's.
    }
  }

  // The server decides; this saves the way to it.
  function problemOf({ name, size, type }) {
    if (size > rules().max_bytes) return "too_large";
    const isKnown = rules().endings.some((ending) => name.toLowerCase().endsWith(ending));
    if (!isKnown && !PICTURE.test(type)) return "invalid";
    return size ? null : "damaged";
  }

  function append(given) {
    const entry = { id: uuid(), state: "waiting", progress: 0, ...given };
    if (entry.problem) entry.state = "failed";
    entry.node = element("li");
    entries.push(entry);
    transcript.change(() => transcript.node.append(entry.node));
    show(entry);
  }

  function show(entry) {
    const { name, size, state, problem, progress } = entry;
    const isFailed = state === "failed";
    const action = (text, onclick) =>
      element("button", { type: "button", class: "retry", onclick }, texts.get(text));
    const bar =
      state === "sending" &&
      element("progress", {
        class: "upload",
        max: "1",
        value: String(progress),
        "aria-label": texts.get("file.progress", { name }),
      });
    const what = size === undefined ? element("bdi", {}, name) : nameAndSize(element, texts, { name, size });
    const meta = element("div", { class: "meta" }, texts.get(state === "waiting" ? "file.waiting" : state));
    const canRetry = isFailed && entry.file && !FINAL.includes(problem) && chat.phase !== "over";
    if (canRetry) meta.append(action("retry", () => retry(entry)));
    if (state !== "sent") meta.append(action("file.remove", () => remove(entry)));
    if (isFailed) meta.append(element("span", { class: "problem" }, problemText(problem)));
    entry.node.className = `message visitor upload-row ${state}`;
    transcript.change(() =>
      entry.node.replaceChildren(
        element("div", { class: "bubble" }, element("div", { class: "file" }, icon(PAGE), what), bar || ""),
        meta,
      ),
    );
    entry.bar = bar;
    keep();
  }

  const problemText = (problem) =>
    texts.get(`file.${problem}`, { size: sizeText(rules()?.max_bytes, texts.locale) });

  // What a reload would lose, and choosing it again could bring.
  function keep() {
    const isSettled = ({ state, problem }) => state === "sent" || FINAL.includes(problem);
    const names = entries.filter((entry) => !isSettled(entry)).map(({ name }) => name);
    try {
      if (names.length) sessionStorage.setItem(LOST, JSON.stringify({ id: chat.ids.sessionId, names }));
      else sessionStorage.removeItem(LOST);
    } catch {
      // Storage is denied: a reload says nothing.
    }
  }

  function remove(entry) {
    drop(entry);
    if (entry === request?.entry) request.call.abort();
    textBox.focus();
  }

  function drop(entry) {
    entries = entries.filter((other) => other !== entry);
    entry.node.remove();
    keep();
  }

  function retry(entry) {
    Object.assign(entry, { state: "waiting", problem: null, progress: 0 });
    show(entry);
    pump();
  }

  function fail(entry, problem) {
    Object.assign(entry, { state: "failed", problem });
    show(entry);
    announce(`${entry.name}: ${problemText(problem)}`);
  }

  function pump() {
    const session = chat.phase === "over" ? null : chat.shown;
    if (request || !session) return;
    const entry = entries.find(({ state }) => state === "waiting");
    if (!entry) return;
    entry.state = "sending";
    show(entry);
    request = send(entry, session, (outcome) => {
      request = null;
      timers.clear();
      // Removed meanwhile, or the chat is over: nobody waits for it.
      if (entry.state === "sending" && entries.includes(entry)) {
        if (outcome) fail(entry, outcome);
        else {
          entry.state = "sent";
          show(entry);
          settle();
        }
      }
      pump();
    });
  }

  /** `onDone(problem)`: null when the server has it. */
  function send(entry, { session_id, session_key }, onDone) {
    const form = new FormData();
    for (const [name, value] of Object.entries({ session_id, session_key, client_message_id: entry.id }))
      form.append(name, value);
    form.append("file", entry.file, entry.name);
    const call = new XMLHttpRequest();
    const watch = () => timers.start("stalled", STALLED_AFTER_MS, () => call.abort());
    call.upload.onprogress = ({ loaded, total }) => {
      watch();
      entry.progress = total ? loaded / total : 0;
      if (entry.bar) entry.bar.value = entry.progress;
    };
    call.onloadend = () => onDone(call.status >= 200 && call.status < 300 ? null : problemFrom(call));
    call.open("POST", `${api.root}attachment`);
    call.send(form);
    watch();
    return { entry, call };
  }

  function problemFrom({ status, responseText }) {
    let code;
    try {
      ({ code } = JSON.parse(responseText).error);
    } catch {
      code = status === 413 ? "too_large" : "network"; // no answer of ours: a proxy's, or none
    }
    if (BUSY.includes(code)) return "busy";
    // Its name would have been taken.
    if (code === "invalid") return "damaged";
    return FINAL.includes(code) ? code : "network";
  }

  // Those that have become messages; and another chat begins without the files of the one before.
  function settle() {
    const ids = new Set(chat.store.messages.map(({ client_message_id }) => client_message_id));
    for (const entry of entries) if (ids.has(entry.id)) drop(entry);
  }

  chat.addEventListener("change", () => {
    const { sessionId: current } = chat.ids;
    if (chat.phase === "over") {
      for (const entry of entries) if (entry.state !== "failed") fail(entry, "session_over");
      request?.call.abort();
    } else if (sessionId && current && current !== sessionId) {
      for (const entry of entries) drop(entry);
    }
    sessionId = current ?? sessionId;
    settle();
    pump();
  });
  signal.addEventListener("abort", () => {
    request?.call.abort();
    timers.clear();
  });

  tellLost();
  add();
  return { send: add };
}
