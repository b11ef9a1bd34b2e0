/** The entry: what a really old Node must be able to read of it, and what it prepares before all else. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { Script } from "node:vm";
import { parseAst } from "vite";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { ENTRY, startServerProcess } from "../support/server-process.ts";

/** What the entry is made of: each in ES2018, but for `import()`, which Node has had since version 10. */
const OLD_SYNTAX: ReadonlySet<string> = new Set([
  "Hashbang",
  "Program",
  "VariableDeclaration",
  "VariableDeclarator",
  "IfStatement",
  "BlockStatement",
  "ExpressionStatement",
  "CallExpression",
  "ImportExpression",
  "MemberExpression",
  "LogicalExpression ||",
  "BinaryExpression ===",
  "BinaryExpression >=",
  "BinaryExpression +",
  "Identifier",
  "Literal string",
  "Literal number",
  "TemplateLiteral",
  "TemplateElement",
]);

/** Every kind of syntax in a program, operators and the types of literals included. */
function* kindsIn(node: unknown): Generator<string> {
  if (typeof node !== "object" || node === null) return;
  if ("type" in node && typeof node.type === "string") {
    const operator = "operator" in node ? ` ${String(node.operator)}` : "";
    const literal = node.type === "Literal" && "value" in node ? ` ${typeof node.value}` : "";
    yield `${node.type}${operator}${literal}`;
  }
  for (const part of Object.values(node)) yield* kindsIn(part);
}

/** What an old Node could not read; a script knows neither `import` statements nor `await` outside of functions. */
function tooNew(text: string): readonly string[] {
  const kinds = [...new Set(kindsIn(parseAst(text)))].filter((kind) => !OLD_SYNTAX.has(kind));
  try {
    new Script(text);
    return kinds;
  } catch (error) {
    return [...kinds, String(error)];
  }
}

describe("The entry", () => {
  it("is readable for a Node of many years ago, which takes it for a script, and imports nothing before its check", () => {
    const text = readFileSync(ENTRY, "utf8");
    expect(tooNew(text)).toEqual([]);
    expect(text.match(/import\(.*\)/g)).toEqual(['import("./start.js")']);
  });

  it.each([
    'import { availableParallelism } from "node:os"',
    'import "node:os"',
    "export {}",
    'await import("./start.js")',
    "process.env.SIZE ??= 4",
    "process.env.SIZE ?? 4",
    "process?.exit(69)",
    "new URL(import.meta.url)",
    "4n",
    "class Entry { #main = 1 }",
  ])("would not be, with %s in it", (line) => {
    expect(tooNew(`const major = 1;\n${line};`)).not.toEqual([]);
  });

  it("sizes the pool of threads for all hashes and as much again, before anything makes one", async () => {
    const folder = temporaryFolder();
    const server = await startServerProcess({ SALLYPORT_DATA_DIR: folder, SALLYPORT_HASH_PERMITS: "20" });
    const threads = `/proc/${server.process.pid}/task`;
    const names = readdirSync(threads).map((id) => readFileSync(`${threads}/${id}/comm`, "utf8").trim());
    await server.end("SIGTERM");
    rmSync(folder, { recursive: true });
    expect(names.filter((name) => name === "libuv-worker").length).toBeGreaterThanOrEqual(24);
  });
});
