import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { openPostgresStore, type PostgresStoreOptions } from "../../src/store/postgres/postgres-store.ts";
import { insertUser, lockUser, raiseEpoch } from "../../src/store/queries/users.ts";
import type { Queries, Store, Tx } from "../../src/store/store.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { userRow } from "./conformance/rows.ts";

let place: TestPlace;
let stores: Store[];

beforeEach(async () => {
  place = await makePlace();
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await place.remove();
});

async function open(options: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({ url: place.url, maxConnections: 3, ...options });
  stores.push(store);
  return store;
}

const add = (store: Store, id: string) => store.write(({ db }) => insertUser(db, userRow(id)));
const idsIn = (store: Store) =>
  store.read(async (db) => (await db.selectFrom("users").select("id").orderBy("id").execute()).map(({ id }) => id));
const pidOf = async (db: Queries) =>
  (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)).rows[0]?.pid ?? 0;
const sleep = (seconds: number) => (db: Queries) => sql`select pg_sleep(${seconds})`.execute(db);
/** Lets a statement fail with this SQLSTATE. */
const fail = (code: string) => (db: Queries) =>
  sql`${sql.raw(`do $$ begin raise exception using errcode = '${code}'; end $$`)}`.execute(db);
const end = (pid: number) => place.ask(`select pg_terminate_backend(${pid}, 5000)`);

/** A write that does `first` in its first try alone, and adds a user in each; how often it was tried. */
async function addAtSecondTry(store: Store, first: (tx: Tx) => Promise<unknown>): Promise<number> {
  let tries = 0;
  await store.write(async (tx) => {
    tries += 1;
    await insertUser(tx.db, userRow("ada"));
    if (tries === 1) await first(tx);
  });
  return tries;
}

describe("A connection to PostgreSQL", () => {
  it("is one of so many at most, however many ask", async () => {
    const store = await open();
    let running = 0;
    let most = 0;
    const { promise: full, resolve: allAreIn } = Promise.withResolvers<void>();
    const ask = () =>
      store.read(async (db) => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) allAreIn();
        await full;
        const pid = await pidOf(db);
        running -= 1;
        return pid;
      });
    const pids = await Promise.all(Array.from({ length: 24 }, ask));
    expect(most).toBe(3);
    expect(new Set(pids).size).toBe(3);
  });

  it("is waited for so long and not longer, and by so many and no more", async () => {
    const store = await open({ maxConnections: 1, timeouts: { connectMs: 1_500 } });
    await store.read(pidOf);
    let letGo = () => {};
    const held = store.read(() => new Promise<void>((resolve) => (letGo = resolve)));
    const outcomes = await Promise.allSettled(Array.from({ length: 501 }, () => store.read(pidOf)));
    const reasons = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason : null));
    expect(reasons.every((reason) => reason?.reason === "UNAVAILABLE")).toBe(true);
    const causes = reasons.map((reason) => reason?.cause?.message);
    expect(new Set(causes)).toEqual(
      new Set(["every permit is taken and the queue is full", "no connection became free in time"]),
    );
    expect(causes.filter((message) => message.startsWith("every permit"))).toHaveLength(1);
    letGo();
    await held;
    expect(await store.read(pidOf)).toBeGreaterThan(0);
  });

  it("that was waited for is used for as long as it takes", async () => {
    const connectMs = 1_500;
    const store = await open({ maxConnections: 1, timeouts: { connectMs } });
    await store.read(pidOf);
    const first = store.read(sleep(0.1));
    const second = store.read(async (db) => {
      await sleep((connectMs / 1000) * 1.2)(db);
      return "done";
    });
    await first;
    expect(await second).toBe("done");
  });

  it("is left to reads when there are more writes than it takes to occupy all", async () => {
    const store = await open();
    const { promise: gate, resolve: letGo } = Promise.withResolvers<void>();
    const writes = Array.from({ length: 6 }, () => store.write(() => gate));
    expect(await store.read(pidOf)).toBeGreaterThan(0);
    letGo();
    await Promise.all(writes);
  });

  it("takes nothing from the environment that others of its driver do", async () => {
    vi.stubEnv("PGOPTIONS", "-c statement_timeout=1");
    onTestFinished(() => void vi.unstubAllEnvs());
    const store = await open();
    const { rows } = await store.read((db) => sql`show statement_timeout`.execute(db));
    expect(rows).toEqual([{ statement_timeout: "4s" }]);
  });

  it("has time-outs for statements, locks and idling on the server's side too", async () => {
    const store = await open({ timeouts: { statementMs: 1_111, lockMs: 2_222, idleInTransactionMs: 3_333 } });
    const names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    const settings = await store.read((db) =>
      Promise.all(names.map((name) => sql<{ value: string }>`select current_setting(${name}) as value`.execute(db))),
    );
    expect(settings.map(({ rows }) => rows[0]?.value)).toEqual(["1111ms", "2222ms", "3333ms"]);
  });

  it("commits durably, although the server is set not to", async () => {
    const careless = new URL(place.url);
    careless.searchParams.set("options", `${careless.searchParams.get("options")} -c synchronous_commit=off`);
    const store = await open({ url: careless.href });
    const { rows } = await store.read((db) => sql`show synchronous_commit`.execute(db));
    expect(rows).toEqual([{ synchronous_commit: "on" }]);
  });

  it("is no loss if the server ends it while it is idle", async () => {
    const store = await open();
    const pids = await Promise.all(Array.from({ length: 3 }, () => store.read(pidOf)));
    for (const pid of pids) await end(pid);
    await add(store, "ada");
    expect(await idsIn(store)).toEqual(["ada"]);
  });

  it("gives back whole numbers for what is wider than 32 bits, and for counts and sums", async () => {
    const store = await open();
    const { rows } = await store.read((db) => sql`select 1780000000123::bigint as time, count(*) as rows`.execute(db));
    expect(rows).toEqual([{ time: 1_780_000_000_123, rows: 1 }]);
  });
});

describe("A read or write on PostgreSQL", () => {
  it("is UNAVAILABLE if a statement takes too long, and its connection serves the next", async () => {
    const store = await open({ maxConnections: 1, timeouts: { statementMs: 1_000 } });
    const pid = await store.read(pidOf);
    for (const slow of [store.read(sleep(9)), store.write(({ db }) => sleep(9)(db))]) {
      await expect(slow).rejects.toMatchObject({ reason: "UNAVAILABLE", retryAfterMs: 1000, cause: { code: "57014" } });
    }
    expect(await store.read(pidOf)).toBe(pid);
  });

  it("is UNAVAILABLE if it waits too long for a lock, and nothing of it is kept", async () => {
    const store = await open();
    const impatient = await open({ timeouts: { lockMs: 100 } });
    await add(store, "ada");
    await store.write(async (tx) => {
      await lockUser(tx, "ada");
      const waiting = impatient.write(async (other) => {
        await insertUser(other.db, userRow("bob"));
        await lockUser(other, "ada");
      });
      await expect(waiting).rejects.toMatchObject({ reason: "UNAVAILABLE", cause: { code: "55P03" } });
    });
    expect(await idsIn(store)).toEqual(["ada"]);
  });

  it("passes on, under no other name, that a statement is wrong", async () => {
    const store = await open();
    await expect(store.read((db) => sql`select nonsense`.execute(db))).rejects.toMatchObject({
      name: "PostgresFault",
      code: "42703",
    });
  });

  it("keeps nothing, and says so, if it went on after a statement that failed", async () => {
    const store = await open();
    const carefree = store.write(async ({ db }) => {
      await insertUser(db, userRow("ada"));
      await fail("22000")(db).catch(() => {});
    });
    await expect(carefree).rejects.toMatchObject({ code: "25P02" });
    expect(await idsIn(store)).toEqual([]);
  });

  it("lets no query through that comes after its end", async () => {
    const store = await open();
    let late: Promise<unknown> = Promise.resolve();
    await store.write(async ({ db }) => {
      late = new Promise(setImmediate)
        .then(() => new Promise((resolve) => setTimeout(resolve, 50)))
        .then(() => pidOf(db));
      late.catch(() => {});
    });
    await expect(late).rejects.toThrow("after the end of its transaction");
  });
});

describe("A write on PostgreSQL is tried again, and kept once,", () => {
  it.each([
    ["a serialization failure", "40001"],
    ["a deadlock", "40P01"],
    ["a duplicate that another may just have added", "23505"],
  ])("after %s", async (_, code) => {
    const store = await open();
    expect(await addAtSecondTry(store, ({ db }) => fail(code)(db))).toBe(2);
    expect(await idsIn(store)).toEqual(["ada"]);
  });

  it("if its connection is ended before the commit", async () => {
    const store = await open();
    expect(await addAtSecondTry(store, async ({ db }) => end(await pidOf(db)))).toBe(2);
    expect(await idsIn(store)).toEqual(["ada"]);
  });

  it("on a connection that takes writes, if its own does not any more (25006), and gives up all others", async () => {
    const store = await open();
    const readOnly = sql`select set_config('default_transaction_read_only', 'on', false)`;
    const turn = async (db: Queries) => {
      await readOnly.execute(db);
      await sleep(0.1)(db);
      return pidOf(db);
    };
    const turned = await Promise.all(Array.from({ length: 3 }, () => store.read(turn)));
    expect(new Set(turned).size).toBe(3);
    await add(store, "ada");
    expect(await idsIn(store)).toEqual(["ada"]);
    const after = await Promise.all(Array.from({ length: 3 }, () => store.read(pidOf)));
    expect(after.filter((pid) => turned.includes(pid))).toEqual([]);
  });

  it("when two locked what the other wants next", async () => {
    const store = await open({ maxConnections: 4 });
    await Promise.all([add(store, "ada"), add(store, "bob")]);
    let tries = 0;
    const { promise: met, resolve: bothHoldOne } = Promise.withResolvers<void>();
    let holding = 0;
    const both = (first: string, second: string) =>
      store.write(async (tx) => {
        tries += 1;
        await lockUser(tx, first);
        holding += 1;
        if (holding === 2) bothHoldOne();
        await met;
        await lockUser(tx, second);
        await raiseEpoch(tx.db, first);
        await raiseEpoch(tx.db, second);
      });
    await Promise.all([both("ada", "bob"), both("bob", "ada")]);
    expect(tries).toBe(3);
    const epochs = await store.read((db) => db.selectFrom("users").select("epoch").execute());
    expect(epochs).toEqual([{ epoch: 3 }, { epoch: 3 }]);
  });

  it("with what is to run on commit from the last try alone", async () => {
    const store = await open();
    const ran: number[] = [];
    let tries = 0;
    await store.write(async ({ db, onCommit }) => {
      tries += 1;
      const own = tries;
      onCommit(() => ran.push(own));
      if (tries < 4) await fail("40001")(db);
    });
    expect(ran).toEqual([4]);
  });

  it("but not for ever: then it is UNAVAILABLE", async () => {
    const store = await open({ jitter: () => 0 });
    let tries = 0;
    const hopeless = store.write(async ({ db }) => {
      tries += 1;
      await fail("40001")(db);
    });
    await expect(hopeless).rejects.toMatchObject({ reason: "UNAVAILABLE", cause: { code: "40001" } });
    expect(tries).toBe(10);
  });

  it("but not if the server as a whole takes no writes: reads go on", async () => {
    await open();
    const url = new URL(place.url);
    url.searchParams.set("options", `${url.searchParams.get("options")} -c default_transaction_read_only=on`);
    const store = await open({ url: url.href });
    await expect(add(store, "ada")).rejects.toMatchObject({ reason: "UNAVAILABLE", cause: { code: "25006" } });
    expect(await idsIn(store)).toEqual([]);
  });
});
