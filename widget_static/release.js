// Keeps the files of the present build for ever: `npm run release`, once for each release, before its deploy. Pages
// that were opened before the next deploy, and websites that pin a version, go on loading them.
import { copyFile, mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CORE, MANIFEST, PARTS } from "./build.js";

const RELEASED = fileURLToPath(new URL("released", import.meta.url));

export async function keep(folder) {
  const { version } = JSON.parse(await readFile(MANIFEST, "utf8"));
  await mkdir(folder, { recursive: true });
  await copyFile(CORE, join(folder, `${version}.js`));
  for (const file of await readdir(PARTS)) await copyFile(join(PARTS, file), join(folder, file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await keep(RELEASED);
