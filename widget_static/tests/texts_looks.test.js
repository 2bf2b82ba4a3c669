import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

// What is read on what (4.5 by WCAG), and what has to be told apart from what (3).
const READ = ["ink surface", "quiet surface", "alarm surface", "ink theirs", "white danger"];
const SEEN = ["good surface", "wait surface", "edge surface"];

const cssOf = (file) => readFile(fileURLToPath(new URL(`../src/${file}`, import.meta.url)), "utf8");
function colorsIn(css) {
  const found = css.matchAll(/--([a-z]+): (#[0-9a-f]{3,6});/g);
  return Object.fromEntries([...found].map(([, name, color]) => [name, color]));
}

function luminance(color) {
  const hex = color.length === 4 ? color.replace(/\w/g, "$&$&") : color;
  const [red, green, blue] = hex.match(/\w\w/g).map((pair) => {
    const share = parseInt(pair, 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const css = await cssOf("styles.css");
const light = { ...colorsIn(css), white: "#fff", edge: /border: 1px solid (#[0-9a-f]{6})/.exec(css)[1] };
const dark = { ...light, ...colorsIn(await cssOf("dark.css")) };

for (const [name, colors] of Object.entries({ light, dark })) {
  test(`${name}: its own colours can be read, and told apart`, () => {
    for (const [pairs, least] of [
      [READ, 4.5],
      [SEEN, 3],
    ]) {
      for (const pair of pairs) {
        const [upper, lower] = pair.split(" ").map((color) => colors[color]);
        assert.ok(contrast(upper, lower) >= least, `${pair}: ${contrast(upper, lower)}`);
      }
    }
  });
}
