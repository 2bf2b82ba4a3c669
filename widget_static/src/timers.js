/** Timeouts by name: a new one takes the place of the one with its name. */
export class Timers {
  constructor() {
    this._byName = new Map();
  }

  start(name, ms, action) {
    this.cancel(name);
    const run = () => {
      this.cancel(name);
      action();
    };
    this._byName.set(name, { run, id: setTimeout(run, ms) });
  }

  isRunning(name) {
    return this._byName.has(name);
  }

  /** Does at once what is being waited for, if anything is. */
  finish(name) {
    this._byName.get(name)?.run();
  }

  cancel(name) {
    clearTimeout(this._byName.get(name)?.id);
    this._byName.delete(name);
  }

  clear() {
    for (const name of [...this._byName.keys()]) this.cancel(name);
  }
}
