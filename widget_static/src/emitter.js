/** An EventTarget that has something to say: `detail` goes with each event. */
export class Emitter extends EventTarget {
  _emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
