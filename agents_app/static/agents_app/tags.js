/** The tags of the open chat: shown, added, taken away. */

import { fromTemplate, part, reconcile, setOptional, setText } from "./dom.js";

const MOST = 20;
const LONGEST = 40;

/** The list with `name` added; `{problem}` where it cannot be. Upper and lower case are the same tag. */
export function withTag(tags, name) {
  const tag = name.trim().replace(/\s+/g, " ");
  if (!tag) return { tags };
  if ([...tag].length > LONGEST) return { problem: `A tag has at most ${LONGEST} characters.` };
  if (tags.some((known) => isSame(known, tag))) return { tags };
  if (tags.length >= MOST) return { problem: `A chat has at most ${MOST} tags.` };
  return { tags: [...tags, tag] };
}

const isSame = (one, other) => one.toLocaleLowerCase() === other.toLocaleLowerCase();

export class TagsEditor {
  #state;
  #api;
  #list = document.getElementById("tags");
  #form = document.getElementById("tag-form");
  #input = document.getElementById("tag-input");
  #onChanged;
  #isBusy = false;
  #id = null;
  #suggested = null;

  /** `onChanged(session)` gets the summary that the server answers with. */
  constructor(state, { api, onChanged }) {
    this.#state = state;
    this.#api = api;
    this.#onChanged = onChanged;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
    this.#input.addEventListener("focus", () => this.#suggest());
    this.#input.addEventListener("input", () => this.#tell(""));
    this.#list.addEventListener("click", ({ target }) => {
      const name = target.closest("[data-remove]")?.dataset.remove;
      if (name !== undefined) this.#save(this.#tags.filter((tag) => tag !== name));
    });
  }

  render(session) {
    if (session.session_id !== this.#id) {
      this.#id = session.session_id;
      this.#input.value = "";
      this.#tell("");
    }
    reconcile(this.#list, this.#tags, {
      key: (name) => name,
      create: () => fromTemplate("tag-template"),
      update: (node, name) => {
        setText(part(node, "name"), name);
        part(node, "remove").dataset.remove = name;
        part(node, "remove").setAttribute("aria-label", `Remove the tag ${name}`);
      },
    });
    this.#list.hidden = !this.#tags.length;
  }

  get #tags() {
    return this.#state.summary(this.#id)?.tags ?? [];
  }

  #add() {
    const { tags, problem } = withTag(this.#tags, this.#input.value);
    if (problem) this.#tell(problem);
    else if (tags === this.#tags) this.#input.value = "";
    else this.#save(tags, true);
  }

  /** What is written stays until the server has it. */
  async #save(tags, isAdding = false) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const id = this.#id;
    try {
      this.#onChanged(await this.#api.setTags(id, tags));
      if (isAdding && id === this.#id) this.#input.value = "";
      this.#tell("");
      this.#input.focus();
      this.#suggested = null;
    } catch (error) {
      if (id === this.#id) this.#tell(error.message);
    } finally {
      this.#isBusy = false;
    }
  }

  async #suggest() {
    const tenant = this.#state.summary(this.#id)?.tenant_id;
    if (!tenant || this.#suggested === tenant) return;
    const { tags } = await this.#api.tags(tenant).catch(() => ({ tags: [] }));
    this.#suggested = tenant;
    const options = tags.map(({ name }) => Object.assign(document.createElement("option"), { value: name }));
    document.getElementById("tag-suggestions").replaceChildren(...options);
  }

  #tell(problem) {
    setOptional(document.getElementById("tag-problem"), problem);
  }
}
