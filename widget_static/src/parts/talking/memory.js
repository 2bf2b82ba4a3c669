// What the next page and the other tabs need to go on where the visitor is.

const SAVED_AFTER_MS = 300;
const AT_END_PX = 60;
// Read by storage.js, too: the chat's id, and for who does not read the end a message's seq and its place.
const VIEW = "cc_chat_view";

/** Keeps the half-written text: for the next page, and the same in every tab. */
export function keepDraft({ chat, textBox, signal, Timers }) {
  const timers = new Timers();
  let known = "";

  function save() {
    known = textBox.value;
    if (known !== chat.draft) chat.keepDraft(known);
  }

  // What is being written here stands: it is saved in a moment.
  function show() {
    if (chat.draft === known || textBox.value !== known) return;
    known = textBox.value = chat.draft;
    textBox.dispatchEvent(new Event("input"));
  }

  textBox.addEventListener("input", () => {
    timers.start("save", SAVED_AFTER_MS, save);
    // The text was sent: it must not come back beside its message.
    if (textBox.value === "") timers.finish("save");
  });
  const finish = () => timers.finish("save");
  window.addEventListener("pagehide", finish, { signal });
  document.addEventListener("visibilitychange", finish, { signal });
  signal.addEventListener("abort", finish);
  chat.addEventListener("change", show);
  show();
}

/** Keeps whether the window is open, and the reader's place in the list: for this tab's next page. */
export function keepPlace({ chat, transcript, signal }) {
  const list = transcript.node;
  const rowOf = (seq) => list.querySelector(`[data-seq="${Number(seq)}"]`);

  // The first message in sight, and how far below the list's edge it begins; nothing for who reads the end.
  function place() {
    // Measured: what was scrolled just now is told only with the next picture, which a page that is left does not draw.
    if (list.scrollHeight - list.clientHeight - list.scrollTop < AT_END_PX) return "";
    const top = (row) => Math.round(row.offsetTop - list.scrollTop);
    const row = [...list.querySelectorAll("[data-seq]")].find((each) => top(each) + each.offsetHeight > 0);
    return row ? `${row.dataset.seq} ${top(row)}` : "";
  }

  function leave() {
    const { sessionId } = chat.ids;
    try {
      if (chat.isOpen && sessionId) sessionStorage.setItem(VIEW, `${sessionId} ${place()}`);
      else sessionStorage.removeItem(VIEW);
    } catch {
      // Storage is denied: the next page begins with the window closed.
    }
  }

  function take() {
    let note = null;
    try {
      note = sessionStorage.getItem(VIEW);
    } catch {
      // As above.
    }
    const [sessionId, seq, top] = (note ?? "").split(" ");
    if (sessionId !== chat.ids.sessionId || !seq) return;
    // It is drawn soon; a message older than the stored ones has to come from the server first.
    const watch = new MutationObserver(go);
    const stop = () => watch.disconnect();
    function go() {
      const row = rowOf(seq);
      if (!row) return;
      list.scrollTop = row.offsetTop - top;
      stop();
    }
    watch.observe(list, { childList: true, subtree: true });
    for (const type of ["wheel", "touchstart", "pointerdown", "keydown"])
      list.addEventListener(type, stop, { signal, once: true });
    signal.addEventListener("abort", stop);
  }

  window.addEventListener("pagehide", leave, { signal });
  signal.addEventListener("abort", leave);
  take();
}

/** By this its place is found again. */
export function markRow(node, { seq }) {
  if (seq) node.dataset.seq = seq;
}
