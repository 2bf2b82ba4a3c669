const SHOWN_WITHIN = 400;

/** Says how many characters are left, or too many, once a text comes near the limit. */
export function countCharacters({
  element,
  texts,
  composer,
  textBox,
  announce,
  MAX_TEXT,
  cleanText,
}) {
  const counter = element("div", { class: "counter", id: "counter", hidden: true });
  let left = MAX_TEXT;

  function count() {
    const { value } = textBox;
    // Counting takes time that short texts need not cost.
    left = value.length < MAX_TEXT - SHOWN_WITHIN ? MAX_TEXT : MAX_TEXT - [...cleanText(value)].length;
    counter.hidden = left > SHOWN_WITHIN;
    counter.classList.toggle("over", left < 0);
    counter.textContent = texts.get(left < 0 ? "charactersOver" : "charactersLeft", {
      count: Math.abs(left),
    });
  }

  composer.prepend(counter);
  textBox.setAttribute("aria-describedby", "counter");
  textBox.addEventListener("input", count);
  textBox.addEventListener(
    "keydown",
    ({ key }) => key === "Enter" && left < 0 && announce(counter.textContent),
  );
  count();
}
