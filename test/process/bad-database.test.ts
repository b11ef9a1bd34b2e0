/** Starts on a database that is none of ours, or no longer whole. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { failedStart } from "../support/bad-start.ts";
import { addUser } from "../support/folder.ts";
import { runCommand } from "../support/server-process.ts";

const PAGE = 4096;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = temporaryFolder();
  file = join(folder, "sallyport.db");
  await addUser(folder, "ada", ["user"]);
});
afterEach(() => rmSync(folder, { recursive: true }));

const settings = () => ({ SALLYPORT_DATA_DIR: folder });

/** Changes the database as somebody would who has it open by other means. */
function change(statement: string): void {
  const connection = new Database(file);
  connection.exec(statement);
  connection.close();
}

/** The number of the page that a table or an index begins on. */
function rootPageOf(name: string): number {
  const connection = new Database(file, { readonly: true });
  const page = connection.prepare("select rootpage from sqlite_schema where name = ?").pluck().get(name);
  connection.close();
  return Number(page);
}

/** Overwrites a page with noise. */
function spoilPage(number: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0xa5, (number - 1) * PAGE, number * PAGE);
  writeFileSync(file, bytes);
}

/** Fails unless `serve` refuses to start and leaves the file as it is, to the byte; what it said. */
async function refused(): Promise<string> {
  const before = readFileSync(file);
  const said = await failedStart(settings());
  expect(readFileSync(file).equals(before)).toBe(true);
  return said;
}

describe("A database that is damaged", () => {
  const DAMAGES: readonly (readonly [string, () => void])[] = [
    [
      "in its header",
      () => writeFileSync(file, Buffer.concat([Buffer.alloc(100, 0xa5), readFileSync(file).subarray(100)])),
    ],
    ["by text in its place", () => writeFileSync(file, "no database, but long enough to be looked at ".repeat(100))],
    ["in a page that the start reads", () => spoilPage(rootPageOf("signing_keys"))],
    ["in a page that only a login would read", () => spoilPage(rootPageOf("users"))],
    ["in an index", () => spoilPage(rootPageOf("sqlite_autoindex_users_1"))],
    ["by its end, which is missing", () => writeFileSync(file, readFileSync(file).subarray(0, 7 * PAGE))],
  ];

  it.each(DAMAGES)("%s is refused, with what to do; the doctor says the same", async (_where, spoil) => {
    spoil();
    const said = await refused();
    expect(said).toContain(`sallyport: ${file} is damaged`);
    expect(said).toContain("restore it from a backup and run `sallyport restored`");
    const { code, stdout } = await runCommand(["doctor"], settings());
    expect(code).toBe(1);
    expect(stdout).toMatch(/^WRONG {2}database: /m);
    expect(stdout).toContain("to mend it: ");
    expect(stdout).toContain("restore a backup, then run: sallyport restored");
  });

  it("is not taken for a new one if it is cut to nothing", async () => {
    writeFileSync(file, "");
    expect(await failedStart(settings())).toContain("restore");
    expect(readFileSync(file).length).toBe(0);
  });
});

describe("A database that is not for this version, or not for us", () => {
  it("is refused if a newer version wrote it: that one must run", async () => {
    change("insert into kysely_migration values ('0099-later', 'then')");
    expect(await refused()).toBe(
      "sallyport: the database was written by a newer version of Sallyport (0099-later); run that version\n",
    );
  });

  it("is refused if it belongs to another application", async () => {
    rmSync(file);
    change("create table notes (text); insert into notes values ('mine')");
    expect(await refused()).toBe(
      `sallyport: ${file} belongs to another application; set SALLYPORT_DATA_DIR to another folder\n`,
    );
  });

  it("is refused if another application has marked it, though it holds nothing yet", async () => {
    rmSync(file);
    change("pragma application_id = 1234; pragma user_version = 1");
    expect(await refused()).toContain("belongs to another application");
  });
});
