/** A change that a crash cut short, whose undoing is left to the next one to open the database. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { failedStart } from "../support/bad-start.ts";
import { addUser } from "../support/folder.ts";
import { logIn } from "../support/people.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

let folder: string;
let file: string;
const journal = () => `${file}-journal`;
const settings = () => ({ SALLYPORT_DATA_DIR: folder });

/** Leaves the mode with a log, as tools that copy or pack a database do, and dies when half of a change is on disk. */
const CRASH = `
  const database = new (require("better-sqlite3"))(process.argv[1]);
  database.pragma("journal_mode = DELETE");
  database.pragma("cache_size = 1");
  database.exec("begin; update users set username = 'mallory'; create table ballast (text)");
  const pour = database.prepare("insert into ballast values (?)");
  for (let count = 0; count < 500; count += 1) pour.run("x".repeat(1000));
  process.kill(process.pid, "SIGKILL");
`;

beforeEach(async () => {
  folder = temporaryFolder();
  file = join(folder, "sallyport.db");
  await addUser(folder, "ada", ["user"]);
  const before = statSync(file).size;
  expect(spawnSync(process.execPath, ["-e", CRASH, file]).signal).toBe("SIGKILL");
  expect(existsSync(journal())).toBe(true);
  expect(statSync(file).size).toBeGreaterThan(before);
  expect(() => new Database(file, { readonly: true }).pragma("quick_check")).toThrow(
    expect.objectContaining({ code: "SQLITE_READONLY_ROLLBACK" }),
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

const PAGE = 4096;

/** The number of the page that a table begins on, told by a copy: whoever asks undoes the change. */
function rootPageOf(table: string): number {
  const copy = join(folder, "copy.db");
  copyFileSync(file, copy);
  copyFileSync(journal(), `${copy}-journal`);
  const database = new Database(copy);
  const page = database.prepare("select rootpage from sqlite_schema where name = ?").pluck().get(table);
  database.close();
  return Number(page);
}

describe("A change that was cut short", () => {
  it("is undone by the next start", async () => {
    const server = await startServerProcess(settings());
    expect((await logIn(server, "ada")).userId).toMatch(/^usr_/);
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(existsSync(journal())).toBe(false);
  });

  it("is undone by a command, too", async () => {
    const { code, stdout } = await runCommand(["users", "list"], settings());
    expect([code, stdout]).toEqual([0, expect.stringContaining(" ada ")]);
  });

  it("is undone before the file is looked through, and damage elsewhere is found all the same", async () => {
    const page = rootPageOf("audit_events");
    writeFileSync(file, readFileSync(file).fill(0xa5, (page - 1) * PAGE, page * PAGE));
    expect(await failedStart(settings())).toContain(`${file} is damaged`);
    expect(existsSync(journal())).toBe(false);
  });

  it("is told by the doctor, who leaves it as it is", async () => {
    const before = [readFileSync(file), readFileSync(journal())];
    const { code, stdout } = await runCommand(["doctor"], settings());
    expect(code).toBe(1);
    expect(stdout).toContain(
      `WRONG  database: a change of ${file} was cut short by a crash, and is not undone yet\n       to mend it: start the service`,
    );
    expect(stdout).not.toMatch(/permission|for writing|backup/);
    expect([readFileSync(file), readFileSync(journal())]).toEqual(before);
    expect((await runCommand(["migrate"], settings())).code).toBe(0);
    expect((await runCommand(["doctor"], settings())).code).toBe(0);
  });
});
