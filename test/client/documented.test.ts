/** docs/client.md: its programs are type-checked and run as they stand, and what it states is what the code has. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSallyportClient } from "../../src/client/client.ts";
import { ENDING } from "../../src/client/refresh.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { createWire } from "../support/client-wire.ts";
import { clientsOf } from "../support/clients.ts";
import { blocksOf } from "../support/readme.ts";

const ROOT = join(import.meta.dirname, "../..");
const page = readFileSync(join(ROOT, "docs/client.md"), "utf8");
const blocks = blocksOf(page);
const MODULES = {
  "sallyport/client": "src/client/client.ts",
  "sallyport/client/node": "src/client/node/file-store.ts",
};

let app: TestApp;
let folder: string;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_ISSUER: "http://auth.example" } });
  folder = temporaryFolder();
  mkdirSync(join(folder, "run"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

/** The blocks for one place, as one program. */
function program(note: string): string {
  return blocks
    .filter((block) => block.language === "ts" && block.note === note)
    .map(({ text }) => text)
    .join("");
}

function run(...args: string[]) {
  return promisify(execFile)(process.execPath, args, { cwd: join(folder, "run") });
}

describe("The page about the client", () => {
  it.each([
    ["browser", ["es2024", "dom"], []],
    ["node", ["es2024"], ["node"]],
  ])("has code for %s that its types accept", async (note, lib, types) => {
    expect(program(note)).not.toBe("");
    writeFileSync(join(folder, `${note}.ts`), `export {};\n${program(note)}`);
    const paths = Object.fromEntries(Object.entries(MODULES).map(([name, file]) => [name, [join(ROOT, file)]]));
    const compilerOptions = {
      ...{ target: "es2024", module: "esnext", moduleResolution: "bundler", strict: true, noEmit: true },
      ...{ allowImportingTsExtensions: true, exactOptionalPropertyTypes: true, skipLibCheck: true, lib, types, paths },
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [`${note}.ts`] }));
    expect(await run(join(ROOT, "node_modules/.bin/tsc"), "-p", folder)).toMatchObject({ stdout: "" });
  });

  it("has a program that says what it shows, and the second time without a password", async () => {
    await clientsOf(app.url).auth.signup({ username: "grace", password: "kites over the harbour" });
    let text = program("node").replace("http://127.0.0.1:8080", app.url);
    for (const [name, file] of Object.entries(MODULES))
      text = text.replace(`"${name}"`, JSON.stringify(join(ROOT, file)));
    writeFileSync(join(folder, "program.ts"), text);
    const shown = blocks.find(({ language }) => language === "text")?.text;
    expect((await run("../program.ts")).stdout).toBe(shown);
    writeFileSync(join(folder, "program.ts"), text.replace("kites over the harbour", "forgotten"));
    expect((await run("../program.ts")).stdout).toBe(shown);
  });

  it("names everything that a client has, and nothing else", () => {
    const client = createSallyportClient({ transport: createWire(app).transport });
    const rows = page.split("\n").filter((line) => /^\| `/.test(line));
    const named = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+)/g)].map(([, name]) => name));
    expect(named.sort()).toEqual(Object.keys(client).sort());
  });

  it("names every reason that ends a session", () => {
    const [list = ""] = /\*\*A session ends[\s\S]*?about the very token/.exec(page) ?? [];
    const named = [...list.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name);
    expect(named.sort()).toEqual([...ENDING].sort());
  });
});
