/** The few DOM moves that the views share. Text always goes in as text. */

/** A copy of the first element inside `<template id="…">`. */
export function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

export function part(node, name) {
  return node.querySelector(`[data-part="${name}"]`);
}

/** Writes text only when it differs: a write that changes nothing would still drop the reader's selection. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows `text` in `node`, or hides the node when there is none. */
export function setOptional(node, text) {
  setText(node, text ?? "");
  node.hidden = !text;
}

/**
 * Makes the children of `parent` those of `items`, in order, and keeps the element of each key: focus and
 * selection survive an update.
 */
export function reconcile(parent, items, { key, create, update }) {
  const { activeElement } = document;
  const nodes = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const wanted = new Set(items.map(key));
  for (const [name, node] of nodes) if (!wanted.has(name)) node.remove();
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let node = nodes.get(name);
    if (!node) {
      node = create(item);
      node.dataset.key = name;
    }
    update(node, item);
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  if (parent.contains(activeElement) && activeElement !== document.activeElement) activeElement.focus();
}
