/** The agents' REST calls: decisions that have an answer, and what no event tells. */

import { post } from "./uploads.js";

const BASE = "/api/v1/chat/";

export class ApiError extends Error {
  /** `code` is one of the API's, or `network` when there was no answer at all. */
  constructor({ code, message, ...details }) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

export class Api {
  #csrfCookie;

  constructor(csrfCookie) {
    this.#csrfCookie = csrfCookie;
  }

  /** A page of chats; `query` as sessionsQuery() makes it. */
  sessions(query) {
    return this.#call("GET", `sessions?${query}`);
  }

  offlineMessages(query) {
    return this.#call("GET", `offline-messages?${query}`);
  }

  markOfflineMessage(id, isDone) {
    return this.#call("PUT", `offline-messages/${id}`, { done: isDone });
  }

  session(id) {
    return this.#call("GET", `sessions/${id}`);
  }

  assign(id) {
    return this.#call("POST", `sessions/${id}/assign`, {});
  }

  end(id) {
    return this.#call("POST", `sessions/${id}/end`, {});
  }

  /** For so many minutes no rule abandons the chat; 0: from now on the rules hold again. */
  hold(id, minutes) {
    return this.#call("POST", `sessions/${id}/hold`, { minutes });
  }

  agents() {
    return this.#call("GET", "agents");
  }

  /** `changes` is {availability} or {capacity}; answers what I am then. */
  changeMe(changes) {
    return this.#call("PUT", "agents/me", changes);
  }

  /** Gives the chat to a colleague; for supervisors. */
  assignTo(id, agentId) {
    return this.#call("POST", `sessions/${id}/assign`, { agent_id: agentId });
  }

  /** `to` is {to_agent_id} or {to_queue: true}. */
  transfer(id, to, note) {
    return this.#call("POST", `sessions/${id}/transfer`, { ...to, note });
  }

  addNote(id, { client_message_id, body }) {
    return this.#call("POST", `sessions/${id}/messages`, { client_message_id, body, note: true });
  }

  setTags(id, tags) {
    return this.#call("PUT", `sessions/${id}/tags`, { tags });
  }

  /** Of one website, or of all of mine. */
  tags(tenant = "") {
    return this.#call("GET", tenant ? `tags?tenant=${encodeURIComponent(tenant)}` : "tags");
  }

  visitor(id) {
    return this.#call("GET", `sessions/${id}/visitor`);
  }

  cannedReplies() {
    return this.#call("GET", "canned-replies");
  }

  /** `{done, abort}`: `done` is the message that the file has become. */
  upload(id, clientMessageId, { file, name }, onProgress) {
    return post(
      `${BASE}sessions/${id}/attachments`,
      {
        headers: { Accept: "application/json", "X-CSRFToken": readCookie(this.#csrfCookie) },
        fields: { client_message_id: clientMessageId },
        file,
        name,
        toError,
      },
      onProgress,
    );
  }

  /** Whether this browser is still logged in as an agent; unknown (true) while the server does not answer. */
  async isLoggedIn() {
    try {
      await this.#call("GET", "sessions?assigned=me");
      return true;
    } catch (error) {
      return error.details.httpStatus !== 401 && error.details.httpStatus !== 403;
    }
  }

  async #call(method, path, body) {
    const headers = { Accept: "application/json" };
    if (body) {
      headers["Content-Type"] = "application/json";
      // Read at each call: a login in another tab renews it.
      headers["X-CSRFToken"] = readCookie(this.#csrfCookie);
    }
    let response;
    try {
      response = await fetch(BASE + path, { method, headers, body: body && JSON.stringify(body) });
    } catch {
      throw toError(null, 0);
    }
    const answer = await response.json().catch(() => null);
    if (answer?.success) return answer.data;
    throw toError(answer, response.status);
  }
}

/** What went wrong; a `status` of 0: nobody has answered. */
function toError(answer, status) {
  const fallback =
    status === 0
      ? { code: "network", message: "The server cannot be reached. Please try again." }
      : status === 413
        ? { code: "too_large", message: "This is too large to be sent." }
        : { code: "unavailable", message: "The server could not do that. Please try again." };
  return new ApiError({ ...fallback, ...answer?.error, httpStatus: status });
}

function readCookie(name) {
  const pair = document.cookie.split("; ").find((candidate) => candidate.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}
