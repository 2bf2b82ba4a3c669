export const texts = {
  rate: "How was this chat?",
  stars: { one: "1 star", other: "{count} stars" },
  rateComment: "Anything to add? (optional)",
  sendRating: "Send rating",
  sendingRating: "Sending…",
  rated: "Thank you for your rating!",
  ratingFailed: "Your rating could not be sent. Please try again.",
};

const STARS = [1, 2, 3, 4, 5];
const STAR = "m12 3.5 2.6 5.4 5.9.8-4.3 4.1 1 5.9L12 16.9l-5.2 2.8 1-5.9-4.3-4.1 5.9-.8Z";
const LONGEST_COMMENT = 1000;

/** The form for a chat that is over: `closed` has its session_id and session_key. Returns its node. */
export function makeRating({ element, icon, texts, api, announce }, closed) {
  let isSending = false;
  const radios = STARS.map((score) => {
    const name = texts.get("stars", { count: score });
    return element("input", {
      type: "radio",
      name: "score",
      value: String(score),
      "aria-label": name,
      onchange: choose,
    });
  });
  const stars = radios.map((radio) => element("label", { class: "star" }, radio, icon(STAR)));
  const comment = element("textarea", {
    rows: "2",
    dir: "auto",
    maxlength: String(LONGEST_COMMENT),
    placeholder: texts.get("rateComment"),
    "aria-label": texts.get("rateComment"),
  });
  const send = element(
    "button",
    { type: "button", class: "button main", onclick: submit },
    texts.get("sendRating"),
  );
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const more = element("div", { class: "more", hidden: true }, comment, problem, send);
  const legend = element("legend", {}, texts.get("rate"));
  const node = element(
    "fieldset",
    { class: "rating" },
    legend,
    element("div", { class: "stars" }, ...stars),
    more,
  );

  function score() {
    return radios.findIndex((radio) => radio.checked) + 1;
  }

  function choose() {
    stars.forEach((star, i) => star.classList.toggle("chosen", i < score()));
    more.hidden = false;
  }

  async function submit() {
    if (isSending) return;
    show(true);
    const { session_id, session_key } = closed;
    const body = { session_id, session_key, score: score(), comment: comment.value.trim() };
    try {
      await api.call("rating", { body });
    } catch (error) {
      // Rated before, here or in another tab.
      if (error.code !== "conflict") return show(false, texts.get("ratingFailed"));
    }
    const thanks = element("p", { class: "thanks", tabindex: "-1" }, texts.get("rated"));
    node.replaceChildren(thanks);
    thanks.focus();
    announce(texts.get("rated"));
  }

  function show(sending, failure = "") {
    isSending = sending;
    send.textContent = texts.get(sending ? "sendingRating" : "sendRating");
    problem.textContent = failure;
    problem.hidden = !failure;
  }

  return node;
}
