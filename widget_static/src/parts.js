/**
 * Rare things, loaded when first needed from where the script itself came from. A part is an ES module:
 *   create(core, …)  makes it; `core` is what it shares with the widget (see View)
 *   styles           its style sheet, if it has one
 *   texts            its texts in English, by name, if it has some
 */
export class Parts {
  /** `hashes`: of the parts by name; `folder`: where they lie; `onLoad(part)`: once for each that came. */
  constructor({ folder, hashes, onLoad, load = (url) => import(url) }) {
    this._folder = folder;
    this._hashes = hashes;
    this._onLoad = onLoad;
    this._load = load;
    this._loading = new Map();
    this._tries = 0;
  }

  /** The part's module; rejects when it could not be had, and the next call tries again. */
  load(name) {
    if (!this._loading.has(name)) this._loading.set(name, this._fetch(name));
    return this._loading.get(name);
  }

  async _fetch(name) {
    // Some browsers remember for ever that an address could not be imported: another try needs another one.
    const retry = this._tries ? `?retry=${this._tries}` : "";
    try {
      const part = await this._load(`${this._folder}${name}-${this._hashes[name]}.js${retry}`);
      this._onLoad(part);
      return part;
    } catch (error) {
      this._tries += 1;
      this._loading.delete(name);
      throw error;
    }
  }
}

/** The folder of the parts: beside the script, also beside its pinned copies, which are in that folder. */
export function partsFolder(scriptUrl, apiRoot) {
  const [beside = `${apiRoot}/chat-widget`] = /.*\/chat-widget\b/.exec(scriptUrl) ?? [];
  return `${beside}/`;
}
