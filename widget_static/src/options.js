import { isObject } from "./protocol.js";
import { STRINGS } from "./strings.js";

const HEARTBEAT_MS = 30_000;
const SHORTEST_HEARTBEAT_MS = 10_000;
const BEATS_BEFORE_GONE = 3;

/** Returns what of init's options can be used; everything else is as if it had not been given. */
function usable(options) {
  const given = isObject(options) ? options : {};
  const pick = (name, isFine) => (isFine(given[name]) ? given[name] : undefined);
  const isText = (value) => typeof value === "string";
  const isDuration = (value) => Number.isFinite(value) && value > 0;
  return {
    tenantId: pick("tenantId", (value) => isText(value) && value !== ""),
    apiUrl: pick("apiUrl", (value) => isText(value) && value !== ""),
    position: pick("position", isPosition),
    primaryColor: pick("primaryColor", isText),
    title: pick("title", isText),
    subtitle: pick("subtitle", isText),
    welcomeMessage: pick("welcomeMessage", isText),
    sessionExpiry: pick("sessionExpiry", isDuration),
    heartbeatInterval: pick("heartbeatInterval", isDuration),
    autoRestore: pick("autoRestore", (value) => typeof value === "boolean"),
    debug: pick("debug", (value) => typeof value === "boolean"),
  };
}

const isPosition = (value) => value === "bottom-right" || value === "bottom-left";

/** What the site gave to init, on top of what the tenant has set up, on top of defaults. */
export class Options {
  constructor(defaultApiUrl) {
    this._defaultApiUrl = defaultApiUrl;
    this._given = {};
    this._config = {};
    this.log = (text) => this._given.debug !== false && console.log(text);
  }

  /** Later calls add to the earlier ones. */
  give(options) {
    const fresh = Object.entries(usable(options)).filter(([, value]) => value !== undefined);
    Object.assign(this._given, Object.fromEntries(fresh));
  }

  /** The answer of the server's config call. */
  configure({ title, subtitle, welcome_message, primary_color, position }) {
    const { tenantId, ...look } = usable({
      title,
      subtitle,
      welcomeMessage: welcome_message,
      primaryColor: primary_color,
      position,
    });
    this._config = look;
  }

  get tenantId() {
    return this._given.tenantId;
  }

  /** The API's root without a slash at the end; throws a TypeError when apiUrl is none. */
  get apiRoot() {
    const { protocol, origin, pathname } = new URL(this._given.apiUrl ?? "", this._defaultApiUrl);
    if (!/^https?:$/.test(protocol)) throw new TypeError("apiUrl must begin with http:// or https://");
    return (origin + pathname).replace(/\/+$/, "");
  }

  /** In milliseconds, or undefined: the tenant's. The server's limit wins over a longer one. */
  get sessionExpiry() {
    return this._given.sessionExpiry;
  }

  get autoRestore() {
    return this._given.autoRestore ?? true;
  }

  get look() {
    const chosen = (name, otherwise) => this._given[name] ?? this._config[name] ?? otherwise;
    return {
      position: chosen("position", "bottom-right"),
      primaryColor: chosen("primaryColor", "#2563eb"),
      title: chosen("title", STRINGS.title),
      subtitle: chosen("subtitle", STRINGS.subtitle),
      welcomeMessage: chosen("welcomeMessage", ""),
    };
  }

  /** Milliseconds between heartbeats: no burden to the server, not so rare that the visitor seems gone. */
  heartbeatInterval(policy) {
    const wished = this._given.heartbeatInterval ?? policy?.heartbeat_interval_ms ?? HEARTBEAT_MS;
    const rarest = (policy?.disconnect_timeout_ms ?? HEARTBEAT_MS * BEATS_BEFORE_GONE) / BEATS_BEFORE_GONE;
    return Math.max(SHORTEST_HEARTBEAT_MS, Math.min(wished, rarest));
  }
}
