import { isObject, isUuid } from "./protocol.js";

const KEY = "cc_chat_session";
const VIEW = "cc_chat_view";
const LARGEST_ITEM = 1_000_000;
const SESSION_KEY = /^[A-Za-z0-9_-]{20,200}$/;

/** One of the browser's storages; what it does not take is in memory, for this page alone. */
class Area {
  /** `area` gives the Storage; it is a function because the access itself may throw. */
  constructor(area) {
    this._area = area;
    this._memory = new Map();
  }

  get(key) {
    if (this._memory.has(key)) return this._memory.get(key);
    try {
      return this._area().getItem(key);
    } catch {
      return null;
    }
  }

  /** False when it did not take it. */
  set(key, text) {
    try {
      this._area().setItem(key, text);
      this._memory.delete(key);
      return true;
    } catch {
      this._memory.set(key, text);
      return false;
    }
  }

  remove(key) {
    this._memory.delete(key);
    try {
      this._area().removeItem(key);
    } catch {
      // Nothing was kept there either.
    }
  }
}

/**
 * The one item that survives a page load. Its record is either a chat
 *   {session_id, session_key, conversation_id, messages, outbox, draft, version (of the draft: 1, 2, 3 …),
 *    timestamp, read_seq, session_expiry_ms}
 * or a chat that is still being started: the same with a start_id in place of the session's ids.
 * What belongs to this tab alone is in the tab's own storage.
 */
export class SessionStorage {
  constructor({
    tenantId,
    apiHost,
    area = () => globalThis.localStorage,
    tabArea = () => globalThis.sessionStorage,
  }) {
    this._owner = { tenant_id: tenantId, api_host: apiHost };
    this._ownKey = `${KEY}:${apiHost}:${tenantId}`;
    this._local = new Area(area);
    this._tab = new Area(tabArea);
  }

  /** {record} as above or null; {damaged: true, session_id} when what is there cannot be used. */
  read() {
    const text = this._local.get(this._key());
    if (text === null) return { record: null };
    const record = text.length <= LARGEST_ITEM ? parse(text) : null;
    if (isUsable(record)) return { record };
    return {
      record: null,
      damaged: true,
      session_id: isUuid(record?.session_id) ? record.session_id : null,
    };
  }

  /** False when the browser did not take it, and it will not survive the page. */
  write(record) {
    const key = this._key();
    const owned = { ...record, ...this._owner };
    const text = toText(owned);
    // Messages are only a cache; what the visitor typed is not.
    return (
      (text.length <= LARGEST_ITEM && this._local.set(key, text)) ||
      this._local.set(key, toText({ ...owned, messages: [] }))
    );
  }

  clear() {
    this._local.remove(this._key());
  }

  /**
   * {session_id, outcome, last_seq}: why the last chat was not restored, and how far it had come, until a start
   * has told it; or null.
   */
  get previous() {
    return parse(this._tab.get(`${this._ownKey}:previous`));
  }

  set previous(previous) {
    this._tab.set(`${this._ownKey}:previous`, toText(previous));
  }

  /** Whether this tab showed the chat when its last page was left; parts/talking/memory.js writes that. */
  wasOpen(sessionId) {
    return this._tab.get(VIEW)?.startsWith(sessionId);
  }

  /** Whether a storage event with this key may be about our item. */
  concerns(key) {
    return key === KEY || key === this._ownKey;
  }

  // Two widgets on one origin: the second one to come gets a key with its name.
  _key() {
    if (this._local.get(this._ownKey) !== null) return this._ownKey;
    const plain = parse(this._local.get(KEY));
    const isForeign =
      isObject(plain) && Object.keys(this._owner).some((name) => plain[name] !== this._owner[name]);
    return isForeign && "tenant_id" in plain ? this._ownKey : KEY;
  }
}

function isUsable(record) {
  if (!isObject(record)) return false;
  if (isUuid(record.start_id)) return true;
  return (
    isUuid(record.session_id) &&
    typeof record.session_key === "string" &&
    SESSION_KEY.test(record.session_key)
  );
}

// Old libraries (Prototype.js before 1.7.1) give arrays a toJSON of their own, which makes texts of them.
function toText(record) {
  const { toJSON } = Array.prototype;
  delete Array.prototype.toJSON;
  try {
    return JSON.stringify(record);
  } finally {
    if (toJSON) Array.prototype.toJSON = toJSON;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
