/** The deadline of whoever asks, on its way through the store: what waits gives up by then, what commits does not. */
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Patience } from "../../src/lib/patience.ts";
import type { Timeouts } from "../../src/store/postgres/client.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { insertUser, lockUser } from "../../src/store/queries/users.ts";
import type { Store } from "../../src/store/store.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import { endless, waitingFor } from "../support/patience.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { userRow } from "./conformance/rows.ts";

let place: TestPlace;
let store: Store;

beforeEach(async () => {
  place = await makePlace();
  store = await openStore();
  await add("ada");
});
afterEach(async () => {
  await store.close();
  await place.remove();
});

/** A connection's own time-outs: longer than anything here may take, also on a machine that stands still for a while. */
const OWN: Partial<Timeouts> = { connectMs: 20_000, statementMs: 20_000, lockMs: 20_000, answerMs: 25_000 };
/** Less than any of them. */
const SOON_MS = 10_000;
/** What those who have little time have, in milliseconds. */
const LITTLE_MS = 1_000;

/** Of three connections: so one writes at a time, and two are left to reads. */
const openStore = (url = place.url, maxConnections = 3) => openPostgresStore({ url, maxConnections, timeouts: OWN });

const add = (id: string, patience?: Patience) => store.write(({ db }) => insertUser(db, userRow(id)), patience);
const ids = () =>
  store.read(async (db) => (await db.selectFrom("users").select("id").orderBy("id").execute()).map(({ id }) => id));

/** The reason of the refusal, and how long it took, in milliseconds. */
async function refused(work: Promise<unknown>) {
  const at = performance.now();
  const reason = await work.then(
    () => "none",
    (error) => error.reason ?? String(error),
  );
  return { reason, tookMs: performance.now() - at };
}
const soon = { tookMs: expect.toSatisfy((ms: number) => ms < SOON_MS) };
/** What it waited for did not come in time. */
const SOON = { reason: "UNAVAILABLE", ...soon };
/** Nobody waited any more when it came. */
const TOO_LATE = { reason: "DEADLINE_EXCEEDED", ...soon };

/** A write of `by` that holds its connection, and the user, until it is let go. */
function hold(by = store) {
  const { promise: isLetGo, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: isHeld, resolve: held } = Promise.withResolvers<void>();
  const write = by.write(async (tx) => {
    await lockUser(tx, "ada");
    held();
    await isLetGo;
  });
  return {
    isHeld,
    async end() {
      letGo();
      await write;
    },
  };
}

describe("Whoever has little time left is refused by then, and nothing of it is kept", () => {
  it("while every connection is in use", async () => {
    const holder = hold();
    await holder.isHeld;
    expect(await refused(add("bob", waitingFor(LITTLE_MS)))).toEqual(SOON);
    await holder.end();
    expect(await ids()).toEqual(["ada"]);
  });

  const leaving = new AbortController();
  leaving.abort();
  /** Told so much before the deadline that it is not over when the connection comes. */
  const early: Patience = { ...endless, timeoutMs: () => LITTLE_MS };
  it.each<[string, "read" | "write", () => Patience]>([
    ["a write", "write", () => waitingFor(LITTLE_MS)],
    ["a read", "read", () => waitingFor(LITTLE_MS)],
    ["a write that could still be begun when it is there", "write", () => early],
    ["a read that could still be begun when it is there", "read", () => early],
    ["a read whose client has gone away", "read", () => ({ ...endless, signal: leaving.signal })],
  ])("while a connection is being made (%s), which is kept for the next", async (_what, way, patience) => {
    const proxy = await startDatabaseProxy(place.url);
    const far = await openStore(proxy.url, 1);
    onTestFinished(async () => {
      await far.close();
      await proxy.close();
    });
    let begun = 0;
    const work = async () => {
      begun += 1;
    };
    // A connection takes several answers.
    proxy.slowDown(LITTLE_MS);
    expect(await refused(far[way](work, patience()))).toEqual(SOON);
    proxy.slowDown(0);
    const next = async () => (await far.read((db) => sql`select pg_backend_pid() as pid`.execute(db))).rows[0];
    // There is one connection at most: had it not been given back, this would wait for ever.
    expect(await next()).toEqual(await next());
    expect(begun).toBe(0);
  });

  it("while another holds the row", async () => {
    const other = await openStore();
    const holder = hold(other);
    await holder.isHeld;
    const write = store.write((tx) => lockUser(tx, "ada"), waitingFor(LITTLE_MS));
    expect(await refused(write)).toEqual(SOON);
    await holder.end();
    await other.close();
  });

  it("while a statement takes long, in a write and in a read", async () => {
    const long = sql`select pg_sleep(30)`;
    const write = store.write(async ({ db }) => {
      await insertUser(db, userRow("bob"));
      await long.execute(db);
    }, waitingFor(LITTLE_MS));
    const read = store.read((db) => long.execute(db), waitingFor(LITTLE_MS));
    expect(await Promise.all([refused(write), refused(read)])).toEqual([SOON, SOON]);
    expect(await ids()).toEqual(["ada"]);
  });

  it("though each of many statements is short", async () => {
    const write = store.write(async ({ db }) => {
      await insertUser(db, userRow("bob"));
      for (let count = 0; count < 200; count += 1) await sql`select pg_sleep(0.1)`.execute(db);
    }, waitingFor(LITTLE_MS));
    expect(await refused(write)).toEqual(TOO_LATE);
    expect(await ids()).toEqual(["ada"]);
  });

  it("though the last of its statements was begun in time", async () => {
    const write = store.write(async ({ db }) => {
      await insertUser(db, userRow("bob"));
      for (let count = 0; count < 2; count += 1) await sql`select pg_sleep(0.8)`.execute(db);
    }, waitingFor(1_500));
    expect(await refused(write)).toEqual(TOO_LATE);
    expect(await ids()).toEqual(["ada"]);
  });

  it("though what keeps it is a collision that another try might get over", async () => {
    let tries = 0;
    const write = store.write(async ({ db }) => {
      tries += 1;
      await sql`select pg_sleep(0.9)`.execute(db);
      await sql`do $$ begin raise exception 'a collision' using errcode = '40001'; end $$`.execute(db);
    }, waitingFor(1_500));
    expect(await refused(write)).toEqual(SOON);
    expect(tries).toBeLessThanOrEqual(2);
  });
});

it("The connection serves the next one with the time-outs that it had", async () => {
  await refused(store.write(({ db }) => sql`select pg_sleep(30)`.execute(db), waitingFor(LITTLE_MS)));
  await add("bob", waitingFor(SOON_MS));
  const { rows } = await store.write(({ db }) =>
    sql`select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`.execute(db),
  );
  expect(rows).toEqual([{ statement: "20s", lock: "20s" }]);
});

describe("Whoever goes away", () => {
  it("gives up the place in the queue at once, and what it asked for is never begun", async () => {
    const holder = hold();
    await holder.isHeld;
    const leaving = new AbortController();
    let begun = 0;
    const write = store.write(
      async () => {
        begun += 1;
      },
      { ...endless, signal: leaving.signal },
    );
    leaving.abort();
    expect(await refused(write)).toEqual(SOON);
    await holder.end();
    await add("bob");
    expect(begun).toBe(0);
  });

  it("was away before it asked, and gets nothing begun although a connection is free", async () => {
    expect(await refused(add("bob", { ...endless, signal: AbortSignal.abort() }))).toEqual(TOO_LATE);
    expect(await ids()).toEqual(["ada"]);
  });

  it("during the write does not stop it: what was asked for may be a logout", async () => {
    const leaving = new AbortController();
    await store.write(
      async ({ db }) => {
        leaving.abort();
        await insertUser(db, userRow("bob"));
      },
      { ...endless, signal: leaving.signal },
    );
    expect(await ids()).toEqual(["ada", "bob"]);
  });
});

it("A commit that takes longer than the deadline is neither cut short nor called a failure", async () => {
  await place.ask(`create function dawdle() returns trigger language plpgsql as 'begin perform pg_sleep(2); return null; end';
    create constraint trigger slow after insert on users deferrable initially deferred for each row execute function dawdle()`);
  const ran: string[] = [];
  const write = store.write(async ({ db, onCommit }) => {
    onCommit(() => ran.push("effect"));
    await insertUser(db, userRow("bob"));
    return "kept";
  }, waitingFor(1_500));
  expect([await write, ran]).toEqual(["kept", ["effect"]]);
  expect(await ids()).toEqual(["ada", "bob"]);
});
