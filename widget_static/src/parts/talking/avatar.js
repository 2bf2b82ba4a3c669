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
export function learnPictures({ chat, transcript, pictures }) {
  function learn() {
    const { agent_name: name, agent_picture: picture } = chat.talk?.facts ?? {};
    if (!name || pictures.get(name) === picture) return;
    pictures.set(name, picture);
    transcript.improve({});
  }
  chat.addEventListener("change", learn);
  learn();
}

/** Shows above the messages, beside the name, who has the chat. */
export function showAgent(core) {
  const { chat, panel, pictures } = core;
  const status = panel.querySelector(".status");
  let avatar = null;
  let look = "";

  function show() {
    const { phase, link, talk } = chat;
    const name = phase === "live" && link === "ready" ? talk?.facts.agent_name : null;
    const wanted = name ? `${pictures.get(name) ?? ""} ${name}` : "";
    if (wanted === look) return;
    look = wanted;
    avatar?.remove();
    avatar = name ? avatarOf(core, name) : null;
    if (avatar) status.before(avatar);
  }

  chat.addEventListener("change", show);
  show();
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
