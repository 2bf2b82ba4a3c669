/** The items, with a line after what was said before this page was loaded. */
export function markRestored(items, { restoredAfter }, texts) {
  if (restoredAfter === null) return items;
  const line = { key: "restored", kind: "system", text: texts.get("restored") };
  const isNew = ({ at, seq = Infinity }) => at && seq > restoredAfter;
  const place = items.findIndex(isNew);
  return place < 0 ? [...items, line] : [...items.slice(0, place), line, ...items.slice(place)];
}
