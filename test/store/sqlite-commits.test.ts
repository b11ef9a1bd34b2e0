/** Group commits on SQLite: what fails together, and who waits for whom. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeMeta } from "../../src/store/queries/meta.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store, Tx } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const PATIENCE_MS = 200;
/** Of whoever is not to be refused, however slow the machine is. */
const LONG_MS = 10_000;

let folder: string;
let file: string;
let store: Store;
/** A connection of somebody else. */
let other: Database.Database;

beforeEach(async () => {
  folder = temporaryFolder();
  file = join(folder, "sallyport.db");
  store = await openStore(PATIENCE_MS);
  other = new Database(file);
});
afterEach(async () => {
  other.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

const openStore = (lockPatienceMs: number) => openSqliteStore({ file, clock: createFakeClock(), lockPatienceMs });
const setIssuer =
  (value: string) =>
  ({ db }: Tx) =>
    writeMeta(db, "issuer", value);
const setTtl =
  (value: string) =>
  ({ db }: Tx) =>
    writeMeta(db, "max_access_ttl_ms", value);
const facts = () => store.read((db) => db.selectFrom("meta").selectAll().orderBy("name").execute());

/** What became of writes that were asked for in one turn. */
async function together(...works: ((tx: Tx) => Promise<unknown>)[]): Promise<readonly unknown[]> {
  const outcomes = await Promise.allSettled(works.map((work) => store.write(work)));
  return outcomes.map((outcome) => (outcome.status === "fulfilled" ? "kept" : outcome.reason.reason));
}

/** A write whose fault only the commit finds. */
async function failAtCommit({ db }: Tx): Promise<void> {
  await sql`pragma defer_foreign_keys = on`.execute(db);
  await db.insertInto("user_roles").values({ user_id: "usr_nobody", role: "user" }).execute();
}

async function pragma(text: string): Promise<Record<string, unknown>> {
  const { rows } = await store.write(({ db }) =>
    sql<Record<string, unknown>>`${sql.raw(`pragma ${text}`)}`.execute(db),
  );
  return rows[0] ?? {};
}

describe("A group of writes", () => {
  it("fails as a whole, as UNAVAILABLE, if its commit fails, and changes nothing", async () => {
    expect(await together(setIssuer("one"), failAtCommit, setTtl("1"))).toEqual([
      "UNAVAILABLE",
      "UNAVAILABLE",
      "UNAVAILABLE",
    ]);
    expect(await facts()).toEqual([]);
  });

  it("runs nothing on commit if its commit fails", async () => {
    const ran: string[] = [];
    await together(async (tx) => {
      tx.onCommit(() => ran.push("effect"));
      await setIssuer("one")(tx);
    }, failAtCommit);
    expect(ran).toEqual([]);
  });

  it("leaves the next group as good as any, after one that failed", async () => {
    await together(failAtCommit);
    expect(await together(setIssuer("one"), setTtl("1"))).toEqual(["kept", "kept"]);
    expect(await facts()).toHaveLength(2);
  });

  it("fails as a whole if the disk is full, without beginning what is left of it", async () => {
    const { page_count } = await pragma("page_count");
    await pragma(`max_page_count = ${Number(page_count) + 2}`);
    let begun = 0;
    const outcomes = await together(setIssuer("one"), setTtl("9".repeat(50_000)), async () => {
      begun += 1;
    });
    expect([outcomes, begun]).toEqual([["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"], 0]);
    expect(await facts()).toEqual([]);
    await pragma("max_page_count = 1000000");
    expect(await together(setIssuer("one"))).toEqual(["kept"]);
  });

  it("keeps nothing of what was asked for at the same time as what made SQLite end the transaction", async () => {
    const ending = ({ db }: Tx) =>
      sql`insert or rollback into user_roles (user_id, role) values ('usr_nobody', null)`.execute(db);
    const outcomes = await together((tx) => Promise.all([ending(tx), setIssuer("one")(tx), setTtl("1")(tx)]));
    expect(outcomes).toEqual(["UNAVAILABLE"]);
    expect(await facts()).toEqual([]);
    expect(await together(setIssuer("two"))).toEqual(["kept"]);
  });

  it("tells with UNAVAILABLE when to come back, and keeps the cause to itself", async () => {
    const refusal = store.write(failAtCommit);
    await expect(refusal).rejects.toMatchObject({
      name: "Refusal",
      retryAfterMs: 1000,
      message: expect.not.stringMatching(/sqlite|constraint/i),
      cause: { code: "SQLITE_CONSTRAINT_FOREIGNKEY" },
    });
  });
});

describe("While somebody else holds the write lock, a write", () => {
  let patient: Store;
  beforeEach(async () => {
    patient = await openStore(LONG_MS);
    other.exec("begin immediate");
  });
  afterEach(() => patient.close());

  it("waits without stopping anybody else, and is kept when the lock is free", async () => {
    let isOver = false;
    const write = patient.write(setIssuer("one")).finally(() => {
      isOver = true;
    });
    const began = performance.now();
    for (let turn = 0; turn < 10; turn += 1) {
      await pause(5);
      expect(await facts()).toEqual([]);
    }
    // Far below what SQLite's own waiting would take, far above what ten turns take.
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(isOver).toBe(false);
    other.exec("rollback");
    await write;
    expect(await facts()).toEqual([{ name: "issuer", value: "one" }]);
  });

  it("sees what that one wrote, when its turn comes", async () => {
    other.exec("insert into meta values ('issuer', 'theirs')");
    const seen = patient.write(({ db }) => db.selectFrom("meta").select("value").execute());
    await pause(20);
    other.exec("commit");
    expect(await seen).toEqual([{ value: "theirs" }]);
  });

  it("is refused as UNAVAILABLE after its patience, and never happens", async () => {
    expect(await together(setIssuer("one"), setTtl("1"))).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    other.exec("rollback");
    expect(await facts()).toEqual([]);
    expect(await together(setTtl("1"))).toEqual(["kept"]);
  });

  it("does not keep the store from closing once its patience is over", async () => {
    const write = store.write(setIssuer("one"));
    const closing = store.close();
    await expect(write).rejects.toMatchObject({ reason: "UNAVAILABLE" });
    await closing;
  });
});
