/** Real processes that want the same SQLite file at the same moment. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";

const PROGRAM = fileURLToPath(new URL("../support/open-stores.ts", import.meta.url));
const PROCESSES = 4;
const ROUNDS = 25;

type Opener = { readonly child: ChildProcess; readonly open: (file: string) => Promise<string> };

const folder = temporaryFolder();
let openers: readonly Opener[] = [];

async function startOpener(): Promise<Opener> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  expect(await nextLine()).toBe("ready");
  return {
    child,
    open(file) {
      child.stdin.write(`${file}\n`);
      return nextLine();
    },
  };
}

beforeAll(async () => {
  openers = await Promise.all(Array.from({ length: PROCESSES }, startOpener));
});
afterAll(async () => {
  for (const { child } of openers) {
    child.stdin?.end();
    if (child.exitCode === null) await once(child, "exit");
  }
  rmSync(folder, { recursive: true });
});

it("Processes that open an empty folder at once make one schema, and all of them can work with it", async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const file = join(folder, String(round), "sallyport.db");
    const told = await Promise.all(openers.map(({ open }) => open(file)));
    expect(told).toEqual(openers.map(() => "opened"));
    const connection = new Database(file, { readonly: true });
    expect(connection.prepare("select name from kysely_migration").pluck().all()).toEqual(["0001-core"]);
    expect(connection.prepare("select name from roles order by name").pluck().all()).toEqual(["admin", "user"]);
    expect(connection.pragma("integrity_check", { simple: true })).toBe("ok");
    connection.close();
  }
});
