import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { EVENTS } from "../src/events.js";
import { OPTIONS } from "../src/options.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const TYPES = at("../chat-widget.d.ts");

/** The names of an interface's members, as they are declared. */
async function membersOf(name) {
  const source = ts.createSourceFile(TYPES, await readFile(TYPES, "utf8"), ts.ScriptTarget.Latest);
  const [declared] = source.statements.filter(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === name,
  );
  return declared.members.map((member) => member.name.text);
}

/** The names of the methods that the script gives to `CallCenterChat`. */
async function methodsOfTheSource() {
  const path = at("../src/index.js");
  const source = ts.createSourceFile(path, await readFile(path, "utf8"), ts.ScriptTarget.Latest);
  let names = null;
  const look = (node) => {
    if (ts.isVariableDeclaration(node) && node.name.getText(source) === "methods")
      names = node.initializer.properties.map((property) => property.name.text);
    ts.forEachChild(node, look);
  };
  look(source);
  return names;
}

test("a page that uses every method, option and event compiles, and mistakes do not", () => {
  const program = ts.createProgram([at("types.ts")], {
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noEmit: true,
    skipDefaultLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ES2022,
    types: [],
  });
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : "";
    return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
  assert.deepEqual(problems, []);
});

test("the types name the same options, events and methods as the source", async () => {
  assert.deepEqual(await membersOf("ChatOptions"), Object.keys(OPTIONS));
  assert.deepEqual(await membersOf("ChatEvents"), EVENTS);
  assert.deepEqual(await membersOf("ChatWidget"), [...(await methodsOfTheSource()), "version"]);
});

test("the integrators' page names every option, event and method", async () => {
  const page = await readFile(at("../../docs/widget.md"), "utf8");
  const names = [...Object.keys(OPTIONS), ...EVENTS, ...(await methodsOfTheSource()), "version"];
  assert.deepEqual(
    names.filter((name) => !new RegExp(`\`${name}[\`(]`).test(page)),
    [],
  );
});
