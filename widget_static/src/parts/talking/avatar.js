const HOUSE = "M4.5 10.5 12 4.5l7.5 6v8a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1Z";

/** The agent's picture: the initials, or a house where the website itself speaks. */
export function avatarOf({ element, icon }, name) {
  return element("span", { class: "avatar", "aria-hidden": "true" }, name ? initials(name) : icon(HOUSE));
}

/** The first letters of the first and the last word. */
export function initials(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
}
