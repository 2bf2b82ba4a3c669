/** The text box is as high as its text, up to what its style allows. */
export function growWithText({ textBox }) {
  function grow() {
    textBox.style.height = "auto";
    textBox.style.height = `${textBox.scrollHeight + 2}px`;
  }
  textBox.addEventListener("input", grow);
  grow();
}
