/** The agents' REST calls, for what is a decision with an answer: accepting and ending. */

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

  session(id) {
    return this.#call("GET", `sessions/${id}`);
  }

  assign(id) {
    return this.#call("POST", `sessions/${id}/assign`, {});
  }

  end(id) {
    return this.#call("POST", `sessions/${id}/end`, {});
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
      throw new ApiError({ code: "network", message: "The server cannot be reached. Please try again." });
    }
    const answer = await response.json().catch(() => null);
    if (answer?.success) return answer.data;
    const fallback = { code: "unavailable", message: "The server could not do that. Please try again." };
    throw new ApiError({ ...fallback, ...answer?.error, httpStatus: response.status });
  }
}

function readCookie(name) {
  const pair = document.cookie.split("; ").find((candidate) => candidate.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}
