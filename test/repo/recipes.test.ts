/**
 * The recipes of CONTRIBUTING.md, followed in a copy of the checkout: that each step does what the page says of it, that
 * the compiler names what is still to do, and that what comes of it works and passes the page's own checks.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { temporaryFolder } from "../support/app.ts";
import { CHECKOUT, copyCheckout } from "../support/copied-checkout.ts";
import { DECLARED, DONE, edit } from "../support/followed-recipes.ts";
import { run } from "../support/installed-package.ts";
import { blocksOf } from "../support/readme.ts";
import { runCommand } from "../support/server-process.ts";

const page = readFileSync(join(CHECKOUT, "CONTRIBUTING.md"), "utf8");
const recipes = page.split(/^(?=## )/m).filter((section) => section.startsWith("## Add "));

const vitestReport = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

let folder: string;
let copy: string;
/** What the compiler said after the first steps. */
let named = "";

const inCopy = (path: string) => readFileSync(join(copy, path), "utf8");
const shell = async (line: string) => (await run("bash", ["-euo", "pipefail", "-c", line], copy)).stdout;
/** What a command that must fail said. */
const failureOf = (line: string) => shell(line).then(() => "", String);

beforeAll(async () => {
  folder = temporaryFolder();
  copy = join(folder, "checkout");
  copyCheckout(copy);
  confineStyle();
  edit(copy, DECLARED);
  await shell("npm run -s format && npm run -s gen");
  named = await failureOf("npx tsc");
  edit(copy, DONE);
  await shell("npm run -s format && npm run -s docs");
}, 240_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** The style of files that no recipe touches is not what is tried here. */
function confineStyle(): void {
  const touched = [...DECLARED, ...DONE].map(({ file }) => file).filter((file) => file.endsWith(".ts"));
  const { files: _all, ...rules } = JSON.parse(inCopy("biome.json"));
  writeFileSync(join(copy, "biome.json"), JSON.stringify({ ...rules, files: { includes: touched } }));
}

describe("The compiler names, as the recipes say,", () => {
  it.each([
    ["the service that lacks the method", "src/rpc/account-service.ts"],
    ["the table that lacks the reason", "src/errors.ts"],
    ["the rows that lack the column", "src/users/create-user.ts"],
    ["those of the tests among them", "test/store/conformance/rows.ts"],
  ])("%s", (_what, file) => {
    expect(named).toContain(`${file}(`);
  });
});

describe("When all recipes were followed", () => {
  it("what is told twice tells it", () => {
    expect(inCopy("README.md")).toContain("| `SALLYPORT_COUNTED_SESSIONS` | `99` | how many sessions are counted |");
    expect(inCopy("README.md")).toContain("| `ERROR_REASON_SESSIONS_UNCOUNTED` | `FAILED_PRECONDITION` |");
    expect(inCopy("docs/contract.md")).toContain("### AccountService.CountSessions");
  });

  it("the checks that each of them ends with pass", async () => {
    const checks = recipes.map((recipe) => blocksOf(recipe).at(-1)?.text.split("\n") ?? []);
    const [first = ""] = checks[0] ?? [];
    expect(checks.map(([line]) => line)).toEqual(recipes.map(() => first));
    expect(first).toContain("npm run check:code");
    await shell(first);
    const tests = checks.flatMap(([, line = ""]) => line.match(/\btest\/\S+/g) ?? []);
    expect(tests.length).toBeGreaterThan(8);
    expect(tests.filter((path) => !existsSync(join(copy, path)))).toEqual([]);
  }, 120_000);

  it("the RPC, the reason and the setting work, and tests that nobody wrote try them", async () => {
    const tests = [
      "repo/contract",
      "repo/contract-page",
      "repo/readme-tables",
      "rpc/count-sessions",
      "rpc/deadlines-in-the-database",
      "rpc/bad-fields",
      "rpc/access-matrix",
    ];
    const files = tests.map((name) => `test/${name}.test.ts`).join(" ");
    await shell(`npx vitest run ${files} --reporter=json --outputFile=report.json`);
    const { testResults } = vitestReport.parse(JSON.parse(inCopy("report.json")));
    const trying = testResults.filter(({ assertionResults }) =>
      assertionResults.some(
        ({ fullName, status }) => status === "passed" && /CountSessions|are counted/.test(fullName),
      ),
    );
    expect(trying.map(({ name }) => basename(name, ".test.ts")).sort()).toEqual([
      "access-matrix",
      "bad-fields",
      "contract",
      "count-sessions",
    ]);
  }, 120_000);

  it("a database from before gets through the migration, and the tests that name all migrations are found", async () => {
    const data = join(folder, "data");
    await runCommand(["users", "create", "ada"], { SALLYPORT_DATA_DIR: data }, "kites over the harbour");
    const said = await shell(`export SALLYPORT_DATA_DIR='${data}'; npx sallyport migrate; npx sallyport users list`);
    expect(said).toMatch(/^migrated: 0002-user-labels\n.* ada /);
    const [find = ""] = /(?<=`)grep [^`]+/.exec(page) ?? [];
    const found = (await shell(find)).match(/^test\/[^:]+/gm) ?? [];
    expect(found).toHaveLength(3);
    expect(page).toContain("Three tests name all migrations");
  }, 60_000);
});
