/**
 * One question to the server at a time, of which only the newest counts. Pure: asking is handed in.
 *
 * An answer that comes late never replaces a newer one. What is shown stays until the next answer is there,
 * but an answer to another question does not outlive a failure: it would be taken for this one's.
 */
export class Latest {
  /** What came last, or null. */
  answer = null;
  /** The error of the newest question, or null. */
  problem = null;
  isPending = false;
  /** What was asked for last; null while nobody looks. */
  question = null;

  #ask;
  #onChange;
  #answered = null;
  #number = 0;
  #isDueAgain = false;
  #soon = null;
  #soonMs;

  /** `ask(question)` promises the answer; `soonMs` is how long askSoon() gathers reasons to ask. */
  constructor({ ask, onChange, soonMs = 1000 }) {
    this.#ask = ask;
    this.#onChange = onChange;
    this.#soonMs = soonMs;
  }

  /** Whether what is shown answers what was asked for last. */
  get isCurrent() {
    return this.answer !== null && this.#answered === this.question;
  }

  async ask(question) {
    this.question = question;
    const number = ++this.#number;
    this.#forgetSoon();
    this.#isDueAgain = false;
    this.isPending = true;
    this.problem = null;
    this.#onChange();
    let answer = null;
    let problem = null;
    try {
      answer = await this.#ask(question);
    } catch (error) {
      problem = error;
    }
    if (number !== this.#number) return;
    this.isPending = false;
    this.#take(question, answer, problem);
    this.#onChange();
    if (this.#isDueAgain) await this.again();
  }

  /** The same question; not before its last answer is there, or a slow server would never get one shown. */
  async again() {
    if (this.question === null) return;
    if (this.isPending) this.#isDueAgain = true;
    else await this.ask(this.question);
  }

  /** The same question in a moment, once for all reasons that come until then. */
  againSoon() {
    if (this.question === null) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.again();
    }, this.#soonMs);
  }

  /** Nobody looks any more: what is on its way is dropped. What was answered stays for whoever comes back. */
  rest() {
    this.#number += 1;
    this.question = null;
    this.isPending = false;
    this.#isDueAgain = false;
    this.#forgetSoon();
  }

  #take(question, answer, problem) {
    this.problem = problem;
    if (problem) {
      if (this.#answered !== question) this.answer = null;
      return;
    }
    this.answer = answer;
    this.#answered = question;
  }

  #forgetSoon() {
    clearTimeout(this.#soon);
    this.#soon = null;
  }
}
