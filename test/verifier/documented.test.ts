/** docs/verifier.md: its program is type-checked and run as it stands, and what it states is what the code has. */
import { execFile } from "node:child_process";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVerifier } from "../../src/verifier/verifier.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { blocksOf } from "../support/readme.ts";
import { serviceKey } from "../support/watching.ts";

const ROOT = join(import.meta.dirname, "../..");
const VERIFIER = join(ROOT, "src/verifier/verifier.ts");
const page = readFileSync(join(ROOT, "docs/verifier.md"), "utf8");
const program = blocksOf(page).find(({ language }) => language === "ts")?.text ?? "";

let app: TestApp;
let apiKey: string;
let folder: string;
let person: Person;

beforeAll(async () => {
  app = await startApp({ clock: { now: () => Date.now(), advance: () => {} } });
  const { admin } = await welcomeAdmin(app);
  apiKey = await serviceKey({ admin }, "orders");
  const userId = await signUp(app, "ada");
  await admin.setRole({ name: "clerk", permissions: ["orders:read"] });
  await admin.setUserRoles({ userId, roles: ["user", "clerk"] });
  person = await logIn(app, "ada", ["orders"]);
  folder = temporaryFolder();
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

async function run(accessToken: string) {
  writeFileSync(join(folder, "program.ts"), program.replace('"sallyport/verifier"', JSON.stringify(VERIFIER)));
  const env = { ...process.env, SALLYPORT_URL: app.url, SALLYPORT_API_KEY: apiKey, ACCESS_TOKEN: accessToken };
  return promisify(execFile)(process.execPath, ["program.ts"], { cwd: folder, env });
}

describe("The page about the verifier", () => {
  it("has a program that its types accept", async () => {
    writeFileSync(join(folder, "checked.ts"), `export {};\n${program}`);
    const compilerOptions = {
      ...{ target: "es2024", module: "esnext", moduleResolution: "bundler", strict: true, noEmit: true },
      ...{ allowImportingTsExtensions: true, exactOptionalPropertyTypes: true, skipLibCheck: true },
      ...{ lib: ["es2024"], types: ["node"], paths: { "sallyport/verifier": [VERIFIER] } },
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["checked.ts"] }));
    const checked = promisify(execFile)(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder], { cwd: folder });
    expect(await checked).toMatchObject({ stdout: "" });
  });

  it("has a program that decides, and ends", async () => {
    expect(await run(person.tokens.accessToken)).toEqual({ stdout: "welcome, ada\n", stderr: "" });
    expect((await run(person.tokens.refreshToken)).stdout).toBe("TOKEN_INVALID LOG_IN\n");
    expect((await run("")).stdout).toBe("TOKEN_MISSING LOG_IN\n");
  });

  /** The words in code in the first cells of the table under this heading; of the first table, without one. */
  const namesIn = (text: string) =>
    text
      .split("\n")
      .filter((line) => /^\| `/.test(line))
      .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+)/g)].map(([, name]) => name))
      .sort();
  const [first = "", options = "", events = ""] = page.split(/^## /m);

  it("names everything that a verifier has, and nothing else", async () => {
    const verifier = createVerifier({ baseUrl: app.url, apiKey, audience: "orders" });
    expect(namesIn(first)).toEqual(Object.keys(verifier).sort());
    await verifier.close();
  });

  it.each([
    [
      "every option",
      options,
      "src/verifier/options.ts",
      /readonly (\w+)\??:/g,
      /export type VerifierOptions = \{[\s\S]*?\n\};/,
    ],
    [
      "every event",
      events,
      "src/verifier/api.ts",
      /readonly kind: "(\w+)"/g,
      /export type VerifierEvent =[\s\S]*?;\n\n/,
    ],
  ])("names %s, and nothing else", (_what, text, file, pattern, type) => {
    const [declared = ""] = type.exec(readFileSync(join(ROOT, file), "utf8")) ?? [];
    const names = [...declared.matchAll(pattern)].map(([, name]) => name).sort();
    expect(names.length).toBeGreaterThan(5);
    expect(namesIn(text)).toEqual(names);
  });
});
