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

/** Saves changes one after the other, each applied to what the chat has when its turn comes. */
export class TagChanges {
  #waiting = [];
  #isSaving = false;
  #load;
  #save;
  #onDone;

  /**
   * `load(id)` gives (a promise of) the chat's tags, `save(id, tags)` a promise; `onDone({id, name, isAdding}, error)`
   * is called with each change that is over, `error` null where it was saved.
   */
  constructor({ load, save, onDone }) {
    this.#load = load;
    this.#save = save;
    this.#onDone = onDone;
  }

  /** `change` is {id, name, isAdding}. */
  add(change) {
    this.#waiting.push(change);
    if (!this.#isSaving) this.#saveAll();
  }

  /** What the chat's tags will be. */
  applied(id, tags) {
    return this.#waiting.filter((change) => change.id === id).reduce(changed, tags);
  }

  async #saveAll() {
    this.#isSaving = true;
    while (this.#waiting.length) {
      const [change] = this.#waiting;
      const error = await this.#saveOne(change).then(
        () => null,
        (reason) => reason,
      );
      this.#waiting.shift();
      this.#onDone(change, error);
    }
    this.#isSaving = false;
  }

  async #saveOne(change) {
    const tags = await this.#load(change.id);
    const { problem } = change.isAdding ? withTag(tags, change.name) : {};
    if (problem) throw new Error(problem);
    await this.#save(change.id, changed(tags, change));
  }
}

function changed(tags, { name, isAdding }) {
  return isAdding ? (withTag(tags, name).tags ?? tags) : tags.filter((tag) => tag !== name);
}

export class TagsEditor {
  #state;
  #api;
  #list = document.getElementById("tags");
  #form = document.getElementById("tag-form");
  #input = document.getElementById("tag-input");
  #changes;
  #id = null;
  // What is being written and what went wrong, by chat: `{text, problem}`.
  #kept = new Map();
  #suggested = null;

  /** `onChanged(session)` gets the summary that the server answers with. */
  constructor(state, { api, onChanged }) {
    this.#state = state;
    this.#api = api;
    this.#changes = new TagChanges({
      load: async (id) => (state.summary(id) ?? (await api.session(id))).tags ?? [],
      save: async (id, tags) => onChanged(await api.setTags(id, tags)),
      onDone: (change, error) => this.#done(change, error),
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
    this.#input.addEventListener("focus", () => this.#suggest());
    this.#input.addEventListener("input", () =>
      this.#keep(this.#id, { text: this.#input.value, problem: "" }),
    );
    this.#list.addEventListener("click", ({ target }) => {
      const name = target.closest("[data-remove]")?.dataset.remove;
      if (name === undefined) return;
      this.#change({ id: this.#id, name, isAdding: false });
      // The button has gone. Now, not when the server has answered: by then one writes elsewhere.
      this.#input.focus();
    });
  }

  render(session) {
    if (session.session_id !== this.#id) {
      this.#id = session.session_id;
      this.#show();
    }
    const tags = this.#tags;
    reconcile(this.#list, tags, {
      key: (name) => name,
      create: () => fromTemplate("tag-template"),
      update: (node, name) => {
        setText(part(node, "name"), name);
        part(node, "remove").dataset.remove = name;
        part(node, "remove").setAttribute("aria-label", `Remove the tag ${name}`);
      },
    });
    this.#list.hidden = !tags.length;
  }

  /** As they will be: what is on its way to the server counts. */
  get #tags() {
    return this.#changes.applied(this.#id, this.#state.summary(this.#id)?.tags ?? []);
  }

  #add() {
    const id = this.#id;
    const known = this.#tags;
    const { tags, problem } = withTag(known, this.#input.value);
    if (problem) this.#keep(id, { text: this.#input.value, problem });
    else {
      this.#keep(id, { text: "", problem: "" });
      if (tags !== known) this.#change({ id, name: tags.at(-1), isAdding: true });
    }
  }

  #change(change) {
    this.#changes.add(change);
    this.#render();
  }

  /** What could not be added stands in the box again, unless something else is being written there. */
  #done({ id, name, isAdding }, error) {
    if (error) {
      const { text = "" } = this.#kept.get(id) ?? {};
      const what = isAdding ? "added" : "removed";
      const problem = `“${name}” was not ${what}. ${error.message}`;
      this.#keep(id, { text: text || (isAdding ? name : ""), problem });
    } else this.#suggested = null;
    this.#render();
  }

  #keep(id, kept) {
    this.#kept.set(id, kept);
    if (id === this.#id) this.#show();
  }

  #show() {
    const { text = "", problem = "" } = this.#kept.get(this.#id) ?? {};
    if (this.#input.value !== text) this.#input.value = text;
    setOptional(document.getElementById("tag-problem"), problem);
  }

  #render() {
    const session = this.#state.summary(this.#id);
    if (session) this.render(session);
  }

  async #suggest() {
    const tenant = this.#state.summary(this.#id)?.tenant_id;
    if (!tenant || this.#suggested === tenant) return;
    const { tags } = await this.#api.tags(tenant).catch(() => ({ tags: [] }));
    this.#suggested = tenant;
    const options = tags.map(({ name }) => Object.assign(document.createElement("option"), { value: name }));
    document.getElementById("tag-suggestions").replaceChildren(...options);
  }
}
