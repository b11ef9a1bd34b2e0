/** A server that dies, comes back, follows another one or falls silent: the store lives on, and says what it knows. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openPostgresStore, type PostgresStoreOptions } from "../../src/store/postgres/postgres-store.ts";
import { appendRevocation, createLogOnce } from "../../src/store/queries/revocations.ts";
import { insertUser } from "../../src/store/queries/users.ts";
import type { Store } from "../../src/store/store.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { eventually } from "../support/eventually.ts";
import { askAt, makePlace, startPostgres, type TestPlace, type TestServer } from "../support/postgres.ts";
import { userRow } from "./conformance/rows.ts";

let server: TestServer;
let place: TestPlace;
let proxy: DatabaseProxy;
let stores: Store[];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

beforeEach(async () => {
  place = await makePlace(server.url);
  proxy = await startDatabaseProxy(place.url);
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await proxy.close();
  await place.remove();
});

async function open(url: string, options: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({ url, maxConnections: 3, ...options });
  stores.push(store);
  return store;
}

const add = (store: Store, id: string) => store.write(({ db }) => insertUser(db, userRow(id)));
const idsIn = (store: Store) =>
  store.read(async (db) => (await db.selectFrom("users").select("id").orderBy("id").execute()).map(({ id }) => id));
const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error) => error.reason,
  );

describe("A store whose server", () => {
  it("was killed is UNAVAILABLE until it is back, and then works, with all that was acknowledged", async () => {
    const store = await open(place.url);
    await add(store, "ada");
    await Promise.all([idsIn(store), idsIn(store), idsIn(store)]);
    await server.kill();
    expect(await refusalOf(add(store, "bob"))).toBe("UNAVAILABLE");
    expect(await refusalOf(idsIn(store))).toBe("UNAVAILABLE");
    await server.start();
    await add(store, "cyd");
    expect(await idsIn(store)).toEqual(["ada", "cyd"]);
  });

  it("is killed in the middle of a write keeps nothing of it, and says UNAVAILABLE", async () => {
    const store = await open(place.url);
    const cut = store.write(async ({ db }) => {
      await insertUser(db, userRow("ada"));
      await server.kill();
      await insertUser(db, userRow("bob"));
    });
    expect(await refusalOf(cut)).toBe("UNAVAILABLE");
    await server.start();
    expect(await idsIn(store)).toEqual([]);
  });

  it("follows another is UNAVAILABLE, for reads too, until it takes writes again", async () => {
    const store = await open(place.url);
    await add(store, "ada");
    await server.demote();
    expect(await refusalOf(add(store, "bob"))).toBe("UNAVAILABLE");
    // What it holds may be old, and nobody could tell.
    expect(await refusalOf(idsIn(store))).toBe("UNAVAILABLE");
    await expect(openPostgresStore({ url: place.url })).rejects.toThrow("the server follows another");
    await askAt(server.url, "select pg_promote()");
    await add(store, "cyd");
    expect(await idsIn(store)).toEqual(["ada", "cyd"]);
  });

  it("falls silent is UNAVAILABLE after its patience, for all who ask, and works once the network does", async () => {
    const store = await open(proxy.url, { timeouts: { answerMs: 1_500, connectMs: 1_500 } });
    await add(store, "ada");
    await Promise.all([idsIn(store), idsIn(store), idsIn(store)]);
    proxy.stall();
    const refusals = await Promise.all(Array.from({ length: 8 }, () => refusalOf(idsIn(store))));
    expect(refusals).toEqual(refusals.map(() => "UNAVAILABLE"));
    expect(await refusalOf(add(store, "bob"))).toBe("UNAVAILABLE");
    proxy.resume();
    await add(store, "cyd");
    expect(await idsIn(store)).toEqual(["ada", "cyd"]);
  });

  it("falls silent does not keep it from closing", async () => {
    const store = await open(proxy.url, { timeouts: { answerMs: 1_000, connectMs: 1_000 } });
    proxy.stall();
    const cut = refusalOf(add(store, "ada"));
    await store.close();
    expect(await cut).toBe("UNAVAILABLE");
  });
});

describe("A write whose commit is not answered", () => {
  it("is UNAVAILABLE, is not tried again, and runs nothing on commit, although it is kept", async () => {
    const store = await open(proxy.url);
    proxy.loseAnswerTo("; commit");
    const ran: string[] = [];
    let tries = 0;
    const write = store.write(async ({ db, onCommit }) => {
      tries += 1;
      onCommit(() => ran.push("effect"));
      await insertUser(db, userRow("ada"));
    });
    await expect(write).rejects.toMatchObject({ reason: "UNAVAILABLE", cause: { kind: "lost" } });
    expect([tries, ran]).toEqual([1, []]);
    await eventually(() => idsIn(store)).toEqual(["ada"]);
  });

  it("is UNAVAILABLE, and not kept, if the server was ended while it committed", async () => {
    const store = await open(place.url);
    await place.ask(`create function dawdle() returns trigger language plpgsql as 'begin perform pg_sleep(9); return null; end';
      create constraint trigger slow after insert on users deferrable initially deferred for each row execute function dawdle()`);
    const write = refusalOf(add(store, "ada"));
    const ended =
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%; commit' and state = 'active'";
    await eventually(() => place.ask(ended)).toHaveLength(1);
    expect(await write).toBe("UNAVAILABLE");
    expect(await idsIn(store)).toEqual([]);
  });
});

const atLeast = (least: number) => (value: number) => value >= least;

describe("A hint that the log has grown", () => {
  const append = (store: Store) =>
    store.write((tx) => appendRevocation(tx, { kind: "session_ended", subject: "s", value: null, expires_at: 0 }));

  /** A store that listens by way of the proxy, and one that writes; how often the first was called. */
  async function listenAndWrite() {
    const [listening, writing] = [await open(proxy.url), await open(place.url)];
    await writing.write(({ db }) => createLogOnce(db, "log"));
    const calls = { heard: 0, own: 0 };
    const stop = listening.onHint?.(() => {
      calls.heard += 1;
    });
    writing.onHint?.(() => {
      calls.own += 1;
    });
    // Once when each is connected, since it may have missed some.
    await eventually(() => calls).toEqual({ heard: 1, own: 1 });
    return { writing, calls, stop };
  }

  it("reaches other processes after the commit, and not whoever made it grow", async () => {
    const { writing, calls } = await listenAndWrite();
    await append(writing);
    await eventually(() => calls).toEqual({ heard: 2, own: 1 });
  });

  it("is not given by writes that leave the log as it is, nor by those that are undone", async () => {
    const { writing, calls } = await listenAndWrite();
    await add(writing, "ada");
    const undone = writing.write(async (tx) => {
      await appendRevocation(tx, { kind: "session_ended", subject: "s", value: null, expires_at: 0 });
      throw new Error("changed its mind");
    });
    await expect(undone).rejects.toThrow("changed its mind");
    await append(writing);
    await eventually(() => calls).toEqual({ heard: 2, own: 1 });
  });

  it("comes, for whatever was missed, when a connection that was lost is there again", async () => {
    const { writing, calls, stop } = await listenAndWrite();
    await place.ask("select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'");
    await append(writing);
    await eventually(() => calls).toEqual({ heard: expect.toSatisfy(atLeast(2)), own: 2 });
    const before = calls.heard;
    await append(writing);
    await eventually(() => calls.heard).toBeGreaterThan(before);
    stop?.();
  });

  it("does not come any more to who does not want it", async () => {
    const { writing, calls, stop } = await listenAndWrite();
    const others: string[] = [];
    stop?.();
    (await open(place.url)).onHint?.(() => others.push("heard"));
    await eventually(() => others).toHaveLength(1);
    await append(writing);
    await eventually(() => others).toHaveLength(2);
    expect(calls.heard).toBe(1);
  });
});
