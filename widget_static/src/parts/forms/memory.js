/** What is half-written in a form, for this tab's next page: texts by name, which `name` tells from other forms'. */
export class Memory {
  constructor(name, { api, settings }) {
    this._key = `cc_chat_${name}:${new URL(api.root).host}:${settings.tenantId}`;
    this._isKept = settings.get("persistMessages") !== false;
  }

  read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this._key));
      return Object.values(kept).every((text) => typeof text === "string") ? kept : {};
    } catch {
      return {};
    }
  }

  write(kept) {
    try {
      if (this._isKept) sessionStorage.setItem(this._key, JSON.stringify(kept));
    } catch {
      // Storage is denied: it lasts as long as the page.
    }
  }

  clear() {
    try {
      sessionStorage.removeItem(this._key);
    } catch {
      // As above.
    }
  }
}
