/** What is said about the agent's connection, on every page on which an agent is at work. */

import { setText } from "./dom.js";
import { connectionText } from "./format.js";

export class ConnectionLine {
  #state;
  #connection;
  #keepsTexts;
  // This machine's milliseconds when the connection was last there.
  #liveAt = Date.now();

  /** `keepsTexts` says that what is written on this page meanwhile is sent later. */
  constructor(state, connection, { keepsTexts = false } = {}) {
    this.#state = state;
    this.#connection = connection;
    this.#keepsTexts = keepsTexts;
    for (const type of ["online", "offline"]) addEventListener(type, () => this.render());
  }

  /** To be called with what changes the connection, and once a second. */
  render() {
    const isLive = this.#connection.state === "ready";
    if (isLive) this.#liveAt = Date.now();
    const text = connectionText({
      isLive,
      isOnline: navigator.onLine,
      hasBeenLive: this.#state.loaded,
      goneMs: Date.now() - this.#liveAt,
      keepsTexts: this.#keepsTexts,
    });
    setText(document.getElementById("connection"), text);
    this.#state.isCutOff = text !== "";
    document.documentElement.classList.toggle("is-disconnected", this.#state.isCutOff);
  }
}
