/** Why a text was not sent, and how it is. */
export function drawFailure({ chat, element, texts }, node, { key, error }) {
  const onclick = () => chat.retry(key);
  const retry = element("button", { class: "retry", type: "button", onclick }, texts.get("retry"));
  const problem = error?.message && element("span", { class: "problem", dir: "auto" }, error.message);
  node.lastChild.append(chat.phase === "over" ? "" : retry, problem || "");
}
