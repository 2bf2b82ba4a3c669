// Bundles src/ into what websites load. `npm run build`; a test fails when the committed files differ.
//
//   chat-widget.js          the core: everything needed to chat in English
//   parts/NAME-HASH.js      an ES module for each file in src/parts/, loaded by the core when it is needed
//   manifest.json           the version, and the file of each part
//   released/               what earlier releases loaded: pages that are open still ask for it (release.js)
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { minify } from "terser";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export const CORE = at("chat-widget.js");
export const PARTS = at("parts");
export const MANIFEST = at("manifest.json");

// Stands for the version while the text is hashed that it becomes part of.
export const UNKNOWN_VERSION = "VERSION-OF-THIS-BUILD";

/** What stands in a file's name: whoever has the name has this content and no other. */
export const hash = (text) => createHash("sha256").update(text).digest("hex").slice(0, 8);

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

// A part gets what it shares with the core handed in: importing it would bundle it a second time.
const nothingOfTheCore = {
  name: "nothing-of-the-core",
  setup({ onResolve }) {
    onResolve({ filter: /\.\.\// }, ({ path, importer }) => ({
      errors: [{ text: `${basename(importer)} is a part: the core hands it what ${path} has` }],
    }));
  },
};

async function bundle(entry, options) {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "silent",
    mangleProps: /^_[a-z]/,
    minifySyntax: true,
    target: "es2020",
    write: false,
    ...options,
  });
  // Terser's output takes 3 % less of the wire than that of esbuild's own minifier, and semicolons less than commas.
  // No getter here does anything.
  const compress = { ecma: 2020, passes: 3, pure_getters: true, sequences: false, unsafe_arrows: true };
  const { code } = await minify(result.outputFiles[0].text, {
    compress,
    ecma: 2020,
    format: { ascii_only: false, comments: false },
    mangle: true,
    module: options.format === "esm",
  });
  return code;
}

async function bundleParts(folder) {
  const parts = {};
  const files = (await readdir(folder)).filter((file) => file.endsWith(".js"));
  for (const file of files.sort()) {
    const text = await bundle(join(folder, file), { format: "esm", plugins: [nothingOfTheCore, cssAsText] });
    const name = basename(file, ".js");
    parts[name] = { hash: hash(text), file: `${name}-${hash(text)}.js`, text };
  }
  return parts;
}

/** {version, core: text, parts: {name: {hash, file, text}}} */
export async function bundleAll(partsFolder = at("src/parts")) {
  const { version: release } = JSON.parse(await readFile(at("../package.json"), "utf8"));
  const parts = await bundleParts(partsFolder);
  const hashes = Object.fromEntries(Object.entries(parts).map(([name, { hash }]) => [name, hash]));
  const unversioned = await bundle(at("src/index.js"), {
    format: "iife",
    plugins: [cssAsText],
    define: { VERSION: JSON.stringify(UNKNOWN_VERSION), PARTS: JSON.stringify(hashes) },
  });
  const version = `${release}-${hash(unversioned)}`;
  return { version, core: unversioned.replaceAll(UNKNOWN_VERSION, version), parts };
}

/** The text of manifest.json. */
export function manifestOf({ version, parts }) {
  const files = Object.fromEntries(Object.entries(parts).map(([name, { file }]) => [name, file]));
  return `${JSON.stringify({ version, parts: files }, null, 2)}\n`;
}

async function writeAll() {
  const built = await bundleAll();
  await rm(PARTS, { recursive: true, force: true });
  await mkdir(PARTS);
  await writeFile(CORE, built.core);
  await writeFile(MANIFEST, manifestOf(built));
  for (const { file, text } of Object.values(built.parts)) await writeFile(join(PARTS, file), text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeAll();
