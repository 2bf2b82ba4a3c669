/** The agent's socket, for every page on which an agent is at work: whoever is logged out is led to the login. */

import { Connection } from "../widget/connection.js";

export class AgentConnection extends Connection {
  #api;
  #login;

  /** `login` is the login page's address; `ping` and `heartbeatInterval` are Connection's. */
  constructor({ api, login, ping, heartbeatInterval }) {
    const url = new URL("/ws/agent/", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    super({ url: url.href, hello: () => ({}), ready: "agent.ready", ping, heartbeatInterval });
    this.#api = api;
    this.#login = login;
    this.addEventListener("state", ({ detail }) => detail.state === "waiting" && this.#leaveIfLoggedOut());
    this.addEventListener("stopped", () => this.#goToLogin());
  }

  /** A refused handshake looks like a lost network to a socket; HTTP can tell them apart. */
  async #leaveIfLoggedOut() {
    if (await this.#api.isLoggedIn()) return;
    this.close();
    this.#goToLogin();
  }

  #goToLogin() {
    location.assign(`${this.#login}?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
}
