/** What is SQLite's own: the file, its guarantees, and files that are not ours. */
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { insertUser } from "../../src/store/queries/users.ts";
import { migrateSqliteFile, openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Queries } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { userRow } from "./conformance/rows.ts";

let folder: string;
let file: string;
const clock = createFakeClock();
const open = () => openSqliteStore({ file, clock });
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder, "data", "sallyport.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Makes a database with a user in it, and closes it. */
async function makeDatabase(): Promise<void> {
  const store = await open();
  await store.write(({ db }) => insertUser(db, userRow("ada")));
  await store.close();
}

/** Makes a file by other means than ours. */
function makeForeign(statement: string): void {
  mkdirSync(join(folder, "data"));
  const connection = new Database(file);
  connection.exec(statement);
  connection.close();
}

describe("A SQLite store", () => {
  it("holds its guarantees on the connection that writes and on the one that reads", async () => {
    const store = await open();
    const guarantees = async (db: Queries) => {
      const asked = ["journal_mode", "synchronous", "foreign_keys", "trusted_schema"].map((name) =>
        sql<Record<string, unknown>>`${sql.raw(`pragma ${name}`)}`.execute(db),
      );
      return (await Promise.all(asked)).map(({ rows: [row] }) => row);
    };
    // 2 is FULL: a commit is on disk when it returns.
    const expected = [{ journal_mode: "wal" }, { synchronous: 2 }, { foreign_keys: 1 }, { trusted_schema: 0 }];
    expect(await store.read(guarantees)).toEqual(expected);
    expect(await store.write(({ db }) => guarantees(db))).toEqual(expected);
    await store.close();
  });

  it("keeps its folder and every file in it to its owner, whatever the umask allows", async () => {
    const umask = process.umask(0);
    try {
      const store = await open();
      await store.write(({ db }) => insertUser(db, userRow("ada")));
      expect(modeOf(join(folder, "data"))).toBe("700");
      expect([file, `${file}-wal`, `${file}-shm`].map(modeOf)).toEqual(["600", "600", "600"]);
      await store.close();
    } finally {
      process.umask(umask);
    }
  });

  it("takes the time of a write from the clock that it was given", async () => {
    const store = await open();
    const now = () => store.write(async (tx) => tx.now);
    expect(await now()).toBe(clock.now());
    clock.advance(12_345);
    expect(await now()).toBe(clock.now());
    await store.close();
  });

  it("waits for another process that is making the file at the same moment", async () => {
    // Marked as ours, without a write-ahead log yet, and in the middle of a change.
    makeForeign("pragma application_id = 0x53414c59");
    const other = new Database(file);
    other.exec("begin immediate");
    const opening = open();
    setTimeout(() => other.exec("commit"), 50);
    await (await opening).close();
    expect(other.pragma("journal_mode", { simple: true })).toBe("wal");
    other.close();
  });

  it("refuses another application's file, and leaves it as it is", async () => {
    makeForeign("create table notes (body text)");
    const before = readFileSync(file);
    const refusal = {
      name: "UnusableDatabase",
      message: expect.stringMatching(/data\/sallyport\.db belongs to another application; set SALLYPORT_DATA_DIR/),
    };
    await expect(open()).rejects.toMatchObject(refusal);
    await expect(migrateSqliteFile(file)).rejects.toMatchObject(refusal);
    expect(readFileSync(file)).toEqual(before);
  });

  it("refuses a file that another application marked as its own, though it is empty", async () => {
    makeForeign("pragma application_id = 252006673");
    await expect(open()).rejects.toThrow("belongs to another application");
  });

  it("refuses a newer schema with words that say what to do, at `migrate` too", async () => {
    await makeDatabase();
    const connection = new Database(file);
    connection.exec("insert into kysely_migration values ('0002-later', 'then'), ('0003-latest', 'then')");
    connection.close();
    const refusal = {
      name: "UnusableSchema",
      message: "the database was written by a newer version of Sallyport (0002-later, 0003-latest); run that version",
    };
    await expect(open()).rejects.toMatchObject(refusal);
    await expect(migrateSqliteFile(file)).rejects.toMatchObject(refusal);
  });

  it("tells the migrations that it ran, and none the second time", async () => {
    expect(await migrateSqliteFile(file)).toEqual(["0001-core"]);
    expect(await migrateSqliteFile(file)).toEqual([]);
  });

  it.each([
    ["is no database at all", () => writeFileSync(file, "this is a letter, not a database\n".repeat(300))],
    ["was cut off", () => truncateSync(file, 20_000)],
    ["was overwritten but for its head", () => writeFileSync(file, overwritten(readFileSync(file)))],
  ])("refuses a file that %s, rather than make a new one, and leaves it as it is", async (_, damage) => {
    await makeDatabase();
    damage();
    const before = readFileSync(file);
    const refusal = {
      name: "UnusableDatabase",
      message: expect.stringMatching(
        /data\/sallyport\.db is damaged, or no SQLite database at all; restore it from a backup/,
      ),
    };
    await expect(open()).rejects.toMatchObject(refusal);
    await expect(migrateSqliteFile(file)).rejects.toMatchObject(refusal);
    expect(readFileSync(file)).toEqual(before);
  });

  it("says so if the folder cannot be made", async () => {
    writeFileSync(join(folder, "data"), "in the way");
    await expect(open()).rejects.toMatchObject({
      name: "UnusableDatabase",
      message: expect.stringMatching(/sallyport\.db cannot be used: a folder above it is none, but a file$/),
    });
  });

  it("keeps what was written when its process dies without closing", async () => {
    const store = await open();
    await store.write(({ db }) => insertUser(db, userRow("ada")));
    // What a dead process leaves: the file and the log beside it, as they are.
    const copy = join(folder, "copy.db");
    for (const suffix of ["", "-wal"]) writeFileSync(copy + suffix, readFileSync(file + suffix));
    const survivor = await openSqliteStore({ file: copy, clock });
    expect(await survivor.read((db) => db.selectFrom("users").select("id").execute())).toEqual([{ id: "ada" }]);
    await survivor.close();
    await store.close();
  });
});

function overwritten(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0xa5)]);
}
