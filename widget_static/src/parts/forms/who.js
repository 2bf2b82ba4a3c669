import { Memory } from "./memory.js";

export const texts = {
  "prechat.intro": "Tell us who you are, so that we can reach you if the connection is lost.",
  "prechat.name": "Name",
  "prechat.email": "E-mail",
  "prechat.start": "Start chatting",
  "prechat.skip": "Skip",
  "prechat.noName": "Please tell us your name.",
  "prechat.noEmail": "Please write an e-mail address such as vera@shop.example.",
};

// The server's rule.
const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;

/** Asks for name and e-mail. `onDone({name, email})` with what was answered; null when skipped. Returns {node, focus()}. */
export function askWho(core, { isRequired, onDone }) {
  const { element, texts, cleanText } = core;
  const memory = new Memory("prechat", core);
  const kept = memory.read();
  const name = field("prechat.name", { autocomplete: "name", maxlength: "200", dir: "auto" });
  const email = field("prechat.email", { autocomplete: "email", maxlength: "254", type: "email", dir: "ltr" });
  name.input.value = kept.name ?? "";
  email.input.value = kept.email ?? "";
  const problem = element("p", { class: "problem", id: "prechat-problem", role: "alert", hidden: true });
  const skip = element("button", { type: "button", class: "button", onclick: () => finish(null) }, texts.get("prechat.skip"));
  const start = element("button", { type: "submit", class: "button main" }, texts.get("prechat.start"));
  const node = element(
    "form",
    { class: "prechat", novalidate: true, onsubmit: submit, oninput: keep },
    element("p", { class: "intro" }, texts.get("prechat.intro")),
    name.label,
    email.label,
    problem,
    element("div", { class: "choices" }, isRequired ? null : skip, start),
  );

  function field(text, attributes) {
    const input = element("input", { type: "text", required: isRequired, ...attributes });
    return { input, label: element("label", {}, element("span", {}, texts.get(text)), input) };
  }

  function keep() {
    memory.write({ name: name.input.value, email: email.input.value });
  }

  function finish(answer) {
    memory.clear();
    onDone(answer);
  }

  function submit(event) {
    event.preventDefault();
    const answer = { name: cleanText(name.input.value), email: cleanText(email.input.value) };
    const isMissing = isRequired && !answer.name;
    const isWrong = (isRequired || answer.email) && !EMAIL.test(answer.email);
    if (isMissing) complain(name.input, "prechat.noName");
    else if (isWrong) complain(email.input, "prechat.noEmail");
    else finish(answer.name || answer.email ? answer : null);
  }

  function complain(input, text) {
    for (const { input: other } of [name, email]) {
      other.removeAttribute("aria-invalid");
      other.removeAttribute("aria-describedby");
    }
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", problem.id);
    problem.textContent = texts.get(text);
    problem.hidden = false;
    input.focus();
  }

  return { node, focus: () => name.input.focus({ preventScroll: true }) };
}
