const HOUSE = "M4.5 10.5 12 4.5l7.5 6v8a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1Z";

/** The agent's picture: theirs, else the initials, or a house where the website itself speaks. */
export function avatarOf({ api, element, icon, pictures }, name) {
  const avatar = element(
    "span",
    { class: "avatar", "aria-hidden": "true" },
    name ? initials(name) : icon(HOUSE),
  );
  const path = pictures?.get(name);
  if (path) {
    // Over the initials, which are seen while it is loading, and if it cannot be had.
    const onerror = () => picture.remove();
    const src = new URL(path, api.root).href;
    const picture = element("img", { src, alt: "", referrerpolicy: "no-referrer", onerror });
    avatar.append(picture);
  }
  return avatar;
}

/** Learns the pictures, by the agents' names, of those who have had the chat while this page was there. */
export function learnPictures({ chat, transcript, pictures, FRAME }) {
  chat.addEventListener("frame", ({ detail: { type, payload } }) => {
    const who = { [FRAME.ready]: payload.session, [FRAME.assigned]: payload }[type];
    if (!who?.agent_name || pictures.get(who.agent_name) === who.agent_picture) return;
    pictures.set(who.agent_name, who.agent_picture);
    transcript.improve({});
  });
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
