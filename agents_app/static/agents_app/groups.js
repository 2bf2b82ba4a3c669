/** How the transcript is arranged by days and senders. Pure. */

const GROUP_MS = 5 * 60_000;

/**
 * What is shown, in order, with a line before each day's first. What one sender writes within a few minutes is a
 * group, as in the widget: its name stands above it, its time below; `isFollowed` says that it goes on.
 */
export class Rows {
  items = [];
  #days = new Set();
  #first = null;

  add(template, key, at, fields) {
    const day = new Date(at).toDateString();
    if (!this.#days.has(day)) {
      this.items.push({ template: "day", key: `day ${day}`, at });
      this.#first = null;
    }
    this.#days.add(day);
    const { message } = fields;
    const isFirst = !continues(this.#first, message);
    // What is still on its way has a state of its own below it.
    if (!isFirst && !message.pending) this.items.at(-1).isFollowed = true;
    this.items.push({ template, key, at, day, isFirst, ...fields });
    if (isFirst) this.#first = message;
  }
}

/** Whether it is of the group that has begun with `first`. */
function continues(first, message) {
  return (
    message !== undefined &&
    first?.sender_type === message.sender_type &&
    first.sender_name === message.sender_name &&
    Date.parse(message.created_at) - Date.parse(first.created_at) < GROUP_MS
  );
}
