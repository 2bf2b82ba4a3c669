import assert from "node:assert/strict";
import { test } from "node:test";
import { readableOn, rgbOf } from "../src/text.js";

test("text on any colour has a contrast of at least 4.5", () => {
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) =>
      v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (let red = 0; red <= 255; red += 15) {
    for (let green = 0; green <= 255; green += 15) {
      for (let blue = 0; blue <= 255; blue += 15) {
        const [dark, light] = [
          luminance([red, green, blue]),
          luminance(readableOn([red, green, blue]) === "#fff" ? [255, 255, 255] : [0, 0, 0]),
        ].sort((a, b) => a - b);
        assert.ok((light + 0.05) / (dark + 0.05) >= 4.5, `${red} ${green} ${blue}`);
      }
    }
  }
});

test("colours are read as browsers write them, without what shines through", () => {
  assert.deepEqual(rgbOf("rgb(31, 111, 84)"), [31, 111, 84]);
  assert.deepEqual(rgbOf("rgba(31, 111, 84, 0.5)"), [31, 111, 84]);
  assert.deepEqual(rgbOf("color(srgb 0.121569 0.435294 0.329412)"), [31, 111, 84]);
  assert.deepEqual(rgbOf("color(srgb 1 2.5e-7 -0.01 / 0.5)"), [255, 0, -3]);
});
