import { isObject } from "./protocol.js";

const TIMEOUT_MS = 15_000;

/** `code` is the server's (or "network"), `status` the HTTP status (0 when there was no answer). */
export class ApiError extends Error {
  constructor(code, status = 0, message = code) {
    super(message);
    this.code = code;
    this.status = status;
  }

  /** Whether the same call may succeed later. What is not our API (a proxy's 404) has not answered. */
  get isTemporary() {
    return this.code === "network" || this.status === 429 || this.status >= 500;
  }
}

/** The visitor's HTTP calls; each resolves to the answer's `data` or rejects with an ApiError. */
export class Api {
  constructor(root, fetch = (...args) => globalThis.fetch(...args)) {
    this.root = `${root}/api/v1/chat/public/`;
    this._fetch = fetch;
  }

  start(body) {
    return this.call("start", { body });
  }

  /** What is there of a session, for whoever has its key. */
  read(path, sessionKey) {
    return this.call(path, { headers: { "X-Session-Key": sessionKey } });
  }

  end(sessionId, sessionKey) {
    // keepalive: the visitor may leave the page in the same second.
    return this.call("end", { body: { session_id: sessionId, session_key: sessionKey }, keepalive: true });
  }

  /** Any call, by its path. */
  async call(path, { body, headers = {}, ...options } = {}) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
    const request = { credentials: "omit", cache: "no-store", headers, signal: abort.signal, ...options };
    if (body) {
      request.method = "POST";
      request.body = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    let status;
    let answer;
    try {
      const response = await this._fetch(this.root + path, request);
      status = response.status;
      answer = await response.json();
    } catch {
      throw new ApiError("network", status);
    } finally {
      clearTimeout(timer);
    }
    if (answer?.success === true && isObject(answer.data)) return answer.data;
    if (typeof answer?.error?.code !== "string") throw new ApiError("network", status);
    throw new ApiError(answer.error.code, status, String(answer.error.message));
  }
}
