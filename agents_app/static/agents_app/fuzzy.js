/** Finds what somebody means by a few letters. Pure. */

const START_OF_WORD = 8;
const IN_A_ROW = 5;

/**
 * How well `query` fits `text`: 0 for not at all, else more for letters that begin words or follow each
 * other, and for a short text. All letters have to be there, in their order; case and accents do not matter.
 */
export function score(query, text) {
  const wanted = [...fold(query).replace(/\s+/g, "")];
  const letters = [...fold(text)];
  if (!wanted.length) return 1;
  let best = 0;
  for (let start = 0; start < letters.length; start += 1) {
    if (letters[start] === wanted[0]) best = Math.max(best, scoreFrom(letters, wanted, start));
  }
  return best && best + 1 / letters.length;
}

function scoreFrom(letters, wanted, start) {
  let sum = 0;
  let at = start - 1;
  for (const letter of wanted) {
    const next = letters.indexOf(letter, at + 1);
    if (next < 0) return 0;
    if (next === at + 1 && next !== start) sum += IN_A_ROW;
    else if (isStartOfWord(letters, next)) sum += START_OF_WORD;
    sum += 1;
    at = next;
  }
  return sum;
}

function isStartOfWord(letters, at) {
  return at === 0 || !/[\p{L}\p{N}]/u.test(letters[at - 1]);
}

function fold(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** `items` ({text, about}) that fit, the best first; those that fit equally stay in their order. */
export function find(query, items) {
  return items
    .map((item) => ({ item, fits: score(query, [item.text, item.about].filter(Boolean).join(" · ")) }))
    .filter(({ fits }) => fits > 0)
    .sort((a, b) => (query.trim() ? b.fits - a.fits : 0))
    .map(({ item }) => item);
}
