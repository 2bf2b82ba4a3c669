import { isObject } from "./protocol.js";

const HEARTBEAT_MS = 30_000;
const SHORTEST_HEARTBEAT_MS = 10_000;
const BEATS_BEFORE_GONE = 3;

const isText = (value) => typeof value === "string";
const isFlag = (value) => typeof value === "boolean";
const isDuration = (value) => Number.isFinite(value) && value > 0;

/** Every option, and what its value has to be. */
export const OPTIONS = {
  tenantId: isText,
  apiUrl: isText,
  position: (value) => ["bottom-right", "bottom-left"].includes(value),
  primaryColor: isText,
  title: isText,
  subtitle: isText,
  welcomeMessage: isText,
  sessionExpiry: isDuration,
  heartbeatInterval: isDuration,
  autoRestore: isFlag,
  debug: isFlag,
  locale: (value) => /^[a-z]{2,4}(-\w+)*$/.test(value),
  zIndex: Number.isSafeInteger,
  container: (value) => isText(value) || value?.nodeType === 1,
  launcher: isFlag,
  persistMessages: isFlag,
  theme: (value) => ["auto", "light", "dark"].includes(value),
  strings: isObject,
  nonce: isText,
};

// The server's rule.
const isEmail = (value) => isText(value) && /^([^@\s]+@[^@\s]+\.[^@\s]+)?$/.test(value);
const VISITOR = { name: isText, email: isEmail };

/**
 * Returns those of the given values that `known` has a good word for; undefined and null are as if they had
 * not been given. `complain(text)` is told of the others.
 */
function usable(given, known, complain) {
  const fine = {};
  for (const [name, value] of Object.entries(isObject(given) ? given : {})) {
    if (value === undefined || value === null) continue;
    if (!Object.keys(known).includes(name)) complain(`"${name}" is unknown`);
    else if (known[name](value)) fine[name] = value;
    else complain(`"${name}" cannot be ${JSON.stringify(value)}`);
  }
  return fine;
}

/** The options that stand in a script's data attributes: data-tenant-id is tenantId. */
export function optionsOf(dataset) {
  const options = {};
  for (const name of Object.keys(OPTIONS)) options[name] = valueOf(dataset[name], OPTIONS[name]);
  return options;
}

// What is neither a good text nor JSON stays what it is: it is complained about like any other wrong value.
function valueOf(text, isGood) {
  try {
    return isGood(text) ? text : JSON.parse(text);
  } catch {
    return text;
  }
}

/** What the site gave to init, on top of what the tenant has set up, on top of defaults. */
export class Options {
  /** `complain(text)` is told of what cannot be used. */
  constructor(defaultApiUrl, complain) {
    this._defaultApiUrl = defaultApiUrl;
    this._complain = complain;
    this._given = {};
    this._config = {};
    /** Who the visitor is, {name, email} as far as the site has told; null when it has not. */
    this.visitor = null;
    this.log = (text) => this._given.debug !== false && console.log(text);
  }

  /** Later calls add to the earlier ones. */
  give(options) {
    Object.assign(this._given, usable(options, OPTIONS, this._complain));
  }

  /** The site knows its visitor: {name, email}. */
  identify(visitor) {
    this.visitor = { ...this.visitor, ...usable(visitor, VISITOR, this._complain) };
  }

  /** `config` is the answer of the server's config call; the parts look into it. */
  configure(config) {
    this.config = config;
    const { title, subtitle, welcome_message, primary_color, position, locale } = config;
    const options = {
      title,
      subtitle,
      welcomeMessage: welcome_message,
      primaryColor: primary_color,
      position,
      locale,
    };
    this._config = usable(options, OPTIONS, () => {});
  }

  /** The option's value: the site's, else the tenant's, else undefined. */
  get(name) {
    return this._given[name] ?? this._config[name];
  }

  get tenantId() {
    return this._given.tenantId;
  }

  /** The API's root without a slash at the end; throws a TypeError when apiUrl is none. */
  get apiRoot() {
    const url = new URL(this._given.apiUrl || "", this._defaultApiUrl);
    if (!/^https?:$/.test(url.protocol)) throw new TypeError(`"apiUrl" cannot be "${url}"`);
    return (url.origin + url.pathname).replace(/\/+$/, "");
  }

  /** Milliseconds between heartbeats: no burden to the server, not so rare that the visitor seems gone. */
  heartbeatInterval(policy) {
    const wished = this._given.heartbeatInterval ?? policy?.heartbeat_interval_ms ?? HEARTBEAT_MS;
    const rarest = (policy?.disconnect_timeout_ms ?? HEARTBEAT_MS * BEATS_BEFORE_GONE) / BEATS_BEFORE_GONE;
    return Math.max(SHORTEST_HEARTBEAT_MS, Math.min(wished, rarest));
  }
}
