/** The deadline of whoever asks, on its way through a store that has one writer. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Patience } from "../../src/lib/patience.ts";
import { writeMeta } from "../../src/store/queries/meta.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { endless, waitingFor } from "../support/patience.ts";

let folder: string;
let store: Store;
/** A connection of another process, as it were. */
let other: Database.Database;

beforeEach(async () => {
  folder = temporaryFolder();
  const file = join(folder, "sallyport.db");
  store = await openSqliteStore({ file, clock: createFakeClock() });
  other = new Database(file);
});
afterEach(async () => {
  other.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

const note = (name: string, patience?: Patience) => store.write(({ db }) => writeMeta(db, "issuer", name), patience);
const noted = () => store.read((db) => db.selectFrom("meta").select("value").execute());
const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => "kept",
    (error) => error.reason ?? String(error),
  );

it("A write whose deadline passes before its group begins is not run; the others of the group are", async () => {
  other.exec("begin immediate");
  const outcomes = Promise.all([reasonOf(note("in time")), reasonOf(note("too late", waitingFor(100)))]);
  await pause(300);
  other.exec("rollback");
  expect(await outcomes).toEqual(["kept", "DEADLINE_EXCEEDED"]);
  expect(await noted()).toEqual([{ value: "in time" }]);
});

it("A write whose caller goes away before its group begins is not run", async () => {
  const leaving = new AbortController();
  const outcome = reasonOf(note("gone", { ...endless, signal: leaving.signal }));
  leaving.abort();
  expect(await outcome).toBe("DEADLINE_EXCEEDED");
  expect(await noted()).toEqual([]);
});

it("A write whose caller goes away once it runs is kept: what was asked for may be a logout", async () => {
  const leaving = new AbortController();
  const write = store.write(
    async ({ db }) => {
      leaving.abort();
      await writeMeta(db, "issuer", "kept");
    },
    { ...endless, signal: leaving.signal },
  );
  expect(await reasonOf(write)).toBe("kept");
  expect(await noted()).toEqual([{ value: "kept" }]);
});

it("A read whose deadline passes behind a longer one is not run", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const long = store.read(() => promise);
  let begun = 0;
  const late = store.read(async () => {
    begun += 1;
  }, waitingFor(50));
  await pause(100);
  resolve();
  await long;
  expect([await reasonOf(late), begun]).toEqual(["DEADLINE_EXCEEDED", 0]);
});
