import { Memory } from "./memory.js";

export const texts = {
  "offline.title": "Leave a message",
  "offline.intro": "Write to us, and we will answer by e-mail.",
  "offline.name": "Name (optional)",
  "offline.email": "E-mail",
  "offline.send": "Send message",
  "offline.noEmail": "Please write an e-mail address such as vera@shop.example.",
  "offline.noMessage": "Please write a message.",
  charactersOver: { one: "1 character too many", other: "{count} characters too many" },
  "offline.failed": "Your message could not be sent. Please check your connection and try again.",
  "offline.busy": "That was a lot at once. Please wait a moment and try again.",
  "offline.thanks": "Thank you! We will answer to {email}.",
  "offline.another": "Write another message",
};

// The server's rule.
const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;
const LONGEST_URL = 2000;
const LONGEST_TITLE = 300;

/**
 * The form for a message that is answered by e-mail; `typed` is what the visitor has written so far. Returns
 * {node, focus(), text, isDone}: `text` is what is not sent.
 */
export function makeLetter(core, typed) {
  const { api, settings, element, texts, announce, uuid, cleanText, MAX_TEXT } = core;
  const memory = new Memory("offline", core);
  const kept = memory.read();
  const who = { name: "", email: "", ...settings.visitor };
  // Under one id what was tried is one message; what is written after that is another one.
  let { id = uuid(), tried = "" } = kept;
  let isSending = false;
  let isDone = false;

  const name = field("input", "offline.name", { autocomplete: "name", maxlength: "200", dir: "auto" });
  const email = field("input", "offline.email", {
    type: "email",
    autocomplete: "email",
    maxlength: "254",
    dir: "ltr",
    required: true,
  });
  const message = field("textarea", "message", { rows: "4", dir: "auto", required: true });
  const fields = [name, email, message];
  name.input.value = kept.name || who.name;
  email.input.value = kept.email || who.email;
  message.input.value = [kept.message, typed].filter(Boolean).join("\n");

  const problem = element("p", { class: "problem", id: "leave-problem", role: "alert", hidden: true });
  const send = element("button", { type: "submit", class: "button main" }, texts.get("offline.send"));
  const node = element(
    "form",
    { class: "leave", novalidate: true, "aria-labelledby": "leave-title", onsubmit: submit, oninput: keep },
    element("h2", { id: "leave-title" }, texts.get("offline.title")),
    element("p", { class: "intro" }, texts.get("offline.intro")),
    ...fields.map(({ label }) => label),
    problem,
    send,
  );

  function field(tag, text, attributes) {
    const input = element(tag, attributes);
    return { input, label: element("label", {}, element("span", {}, texts.get(text)), input) };
  }

  const written = () => ({
    name: cleanText(name.input.value),
    email: cleanText(email.input.value),
    message: cleanText(message.input.value),
  });

  function keep() {
    const [nameText, emailText, messageText] = fields.map(({ input }) => input.value);
    memory.write({ id, tried, name: nameText, email: emailText, message: messageText });
  }

  async function submit(event) {
    event.preventDefault();
    if (isSending) return;
    const said = written();
    const over = [...said.message].length - MAX_TEXT;
    if (!EMAIL.test(said.email)) return complain(texts.get("offline.noEmail"), email);
    if (!said.message) return complain(texts.get("offline.noMessage"), message);
    if (over > 0) return complain(texts.get("charactersOver", { count: over }), message);
    complain("");
    setSending(true);
    try {
      await leave(said);
      done(said);
    } catch ({ code }) {
      setSending(false);
      if (code === "invalid") complain(texts.get("offline.noEmail"), email);
      else complain(texts.get(code === "rate_limited" ? "offline.busy" : "offline.failed"));
    }
  }

  async function leave(said) {
    const content = JSON.stringify(said);
    if (tried && tried !== content) id = uuid();
    tried = content;
    keep();
    const metadata = {
      page_url: location.href.slice(0, LONGEST_URL),
      page_title: cleanText(document.title.slice(0, LONGEST_TITLE)),
      locale: navigator.language ?? "",
    };
    await api.call("offline", { body: { tenant_id: settings.tenantId, message_id: id, ...said, metadata } });
  }

  // Not by disabling the button that was pressed: it would drop the focus.
  function setSending(value) {
    isSending = value;
    send.textContent = texts.get(value ? "sending" : "offline.send");
  }

  function complain(text, wrong) {
    for (const { input } of fields) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
    if (wrong) wrong.label.after(problem);
    else send.before(problem);
    problem.textContent = text;
    problem.hidden = !text;
    wrong?.input.setAttribute("aria-invalid", "true");
    wrong?.input.setAttribute("aria-describedby", problem.id);
    wrong?.input.focus();
    problem.scrollIntoView({ block: "nearest" });
  }

  function done(said) {
    memory.clear();
    isDone = true;
    const text = texts.get("offline.thanks", { email: said.email });
    const thanks = element("p", { class: "thanks", tabindex: "-1", dir: "auto" }, text);
    const another = element(
      "button",
      { type: "button", class: "button", onclick: again },
      texts.get("offline.another"),
    );
    const content = [...node.childNodes];
    node.replaceChildren(thanks, another);
    thanks.focus();
    announce(text);

    function again() {
      [id, tried, isDone] = [uuid(), "", false];
      message.input.value = "";
      setSending(false);
      node.replaceChildren(...content);
      message.input.focus();
    }
  }

  return {
    node,
    focus() {
      const empty = fields.find(({ input }) => !input.value && input !== name.input) ?? message;
      empty.input.focus({ preventScroll: true });
    },
    get text() {
      return isDone ? "" : message.input.value;
    },
    get isDone() {
      return isDone;
    },
  };
}
