// Bundles src/ into the committed chat-widget.js. `npm run build`; a test fails when the two differ.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

export const OUTPUT = fileURLToPath(new URL("chat-widget.js", import.meta.url));

// The style sheet travels inside the script: the widget constructs it, which strict hosts allow.
const cssAsText = {
  name: "css-as-text",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const target = ["chrome87", "firefox78", "safari14.1"];
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

export async function bundle() {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("src/index.js", import.meta.url))],
    bundle: true,
    charset: "utf8",
    format: "iife",
    legalComments: "none",
    mangleProps: /^_[a-z]/,
    minify: true,
    plugins: [cssAsText],
    target: "es2020",
    write: false,
  });
  return result.outputFiles[0].text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(OUTPUT, await bundle());
}
