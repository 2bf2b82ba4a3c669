/** Asks who the visitor is before the first message, where the tenant wants that. */
export function askWho(core) {
  const { api, chat, settings, panel, composer, textBox, loadPart, FRAME } = core;
  let wish = "off";
  let isKnown = false;
  let form = null;
  let isAnswered = false;
  // What the server does not have yet, and has to have of each further chat.
  let answer = null;
  let isTold = false;

  // Whoever has written has been asked, or need not be.
  const hasWritten = () =>
    chat.store.outbox.length > 0 || chat.store.messages.some(({ sender_type }) => sender_type === "visitor");

  async function show() {
    const isUnknown = !isKnown && !settings.visitor && !isAnswered && !hasWritten();
    const isWanted = wish !== "off" && ["starting", "live"].includes(chat.phase) && isUnknown;
    if (isWanted === Boolean(form)) return;
    if (!isWanted) return hide();
    form = {}; // being loaded
    try {
      const part = await loadPart("prechat");
      if (!form) return;
      form = part.create(core, { isRequired: wish === "required", onDone });
      const hadFocus = composer.contains(composer.getRootNode().activeElement);
      composer.before(form.node);
      panel.classList.add("asking");
      if (hadFocus) form.focus();
    } catch {
      // Better a chat with somebody unknown than none.
      form = null;
      wish = "off";
    }
  }

  function hide() {
    form?.node?.remove();
    form = null;
    panel.classList.remove("asking");
  }

  function onDone(given) {
    isAnswered = true;
    answer = given;
    hide();
    textBox.focus();
    tell();
  }

  function tell() {
    if (answer && !isTold) isTold = chat.talk?.send(FRAME.identify, answer) ?? false;
  }

  chat.addEventListener("frame", ({ detail: { type, payload } }) => {
    if (type !== FRAME.ready) return;
    isTold = false;
    isKnown = Boolean(payload.session?.customer_email || payload.session?.customer_name);
    if (!isKnown) tell();
  });
  chat.addEventListener("change", show);
  api.configured.then(({ prechat }) => {
    wish = prechat;
    show();
  }, () => {});
}
