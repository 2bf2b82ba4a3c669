/** Files on their way to the server, one after the other. No DOM; XMLHttpRequest because fetch tells no progress. */

import { formatSize } from "./format.js";

const STALLED_AFTER_MS = 60_000;
// A pasted picture may have no name of its own.
const PICTURE = /^image\/(png|jpeg|gif|webp)$/;
const FINAL = ["too_large", "invalid", "session_over", "taken", "session_not_found"];

/** Why the server would refuse this file, as a sentence; null if it would not. `rules` are {max_bytes, endings}. */
export function fileProblem({ name, size, type }, rules) {
  if (!rules) return "Files cannot be sent here.";
  if (size > rules.max_bytes) {
    return `This file has ${formatSize(size)}; at most ${formatSize(rules.max_bytes)} can be sent.`;
  }
  if (!size) return "This file is empty, or a folder.";
  const isKnown = rules.endings.some((ending) => name.toLowerCase().endsWith(ending));
  if (isKnown || PICTURE.test(type)) return null;
  return `Files of this kind cannot be sent, only ${rules.endings.join(" ")}.`;
}

export class Uploads {
  #entries = [];
  #rules;
  #uuid;
  #start;
  #onChange;
  #onSent;
  #sending = null;

  /**
   * `start(entry, onProgress)` begins a request and gives `{done, abort}`; `onSent(sessionId, message)` gets what a
   * file has become; `onChange` is called whenever something is to be shown anew.
   */
  constructor({ rules, uuid, start, onChange, onSent }) {
    this.#rules = rules;
    this.#uuid = uuid;
    this.#start = start;
    this.#onChange = onChange;
    this.#onSent = onSent;
  }

  /** Those of chat `id`: `{id, sessionId, file, name, size, state, progress, problem, isFinal, created_at}`. */
  of(id) {
    return this.#entries.filter(({ sessionId }) => sessionId === id);
  }

  /** What a reload would lose. */
  get unsent() {
    return this.#entries.filter(({ isFinal }) => !isFinal);
  }

  add(sessionId, files) {
    for (const file of files) {
      const problem = fileProblem(file, this.#rules);
      this.#entries.push({
        id: this.#uuid(),
        sessionId,
        file,
        name: file.name || "picture",
        size: file.size,
        state: problem ? "failed" : "waiting",
        problem,
        isFinal: Boolean(problem),
        progress: 0,
        created_at: new Date().toISOString(),
      });
    }
    this.#onChange();
    this.#pump();
  }

  retry(id) {
    const entry = this.#find(id);
    if (!entry || entry.state !== "failed" || entry.isFinal) return;
    Object.assign(entry, { state: "waiting", problem: null, progress: 0 });
    this.#onChange();
    this.#pump();
  }

  remove(id) {
    const entry = this.#find(id);
    this.#entries = this.#entries.filter((other) => other !== entry);
    if (this.#sending?.entry === entry) this.#sending.request.abort();
    this.#onChange();
  }

  /** Those that were not sent because nobody answered. */
  retryLost() {
    for (const { id, problemCode } of [...this.#entries]) if (problemCode === "network") this.retry(id);
  }

  #find(id) {
    return this.#entries.find((entry) => entry.id === id);
  }

  async #pump() {
    const entry = this.#sending ? null : this.#entries.find(({ state }) => state === "waiting");
    if (!entry) return;
    entry.state = "sending";
    const request = this.#start(entry, (progress) => {
      entry.progress = progress;
      this.#onChange();
    });
    this.#sending = { entry, request };
    this.#onChange();
    try {
      const message = await request.done;
      this.#entries = this.#entries.filter((other) => other !== entry);
      this.#onSent(entry.sessionId, message);
    } catch (error) {
      const isFinal = FINAL.includes(error.code);
      Object.assign(entry, { state: "failed", problem: error.message, problemCode: error.code, isFinal });
    }
    this.#sending = null;
    this.#onChange();
    this.#pump();
  }
}

/** Sends one file; `toError(answer, status)` makes the ApiError of an answer that is none of success. */
export function post(url, { headers, fields, file, name, toError }, onProgress) {
  const call = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    let stalled = 0;
    const watch = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => call.abort(), STALLED_AFTER_MS);
    };
    call.upload.onprogress = ({ loaded, total }) => {
      watch();
      onProgress(total ? loaded / total : 0);
    };
    call.onloadend = () => {
      clearTimeout(stalled);
      let answer = null;
      try {
        answer = JSON.parse(call.responseText);
      } catch {
        // No answer of ours: a proxy's, or none.
      }
      if (answer?.success) resolve(answer.data);
      else reject(toError(answer, call.status));
    };
    const form = new FormData();
    for (const [key, value] of Object.entries(fields)) form.append(key, value);
    form.append("file", file, name);
    call.open("POST", url);
    for (const [key, value] of Object.entries(headers)) call.setRequestHeader(key, value);
    call.send(form);
    watch();
  });
  return { done, abort: () => call.abort() };
}
