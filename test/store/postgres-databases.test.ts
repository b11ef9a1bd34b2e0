/** Databases on PostgreSQL: made once, of others, out of reach; and what is said of them. */
import { inspect } from "node:util";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MIGRATION_NAMES } from "../../src/store/migrate.ts";
import { openPostgresStore, type PostgresStoreOptions } from "../../src/store/postgres/postgres-store.ts";
import { insertUser } from "../../src/store/queries/users.ts";
import type { Queries, Store } from "../../src/store/store.ts";
import { askAt, makePlace, sharedPostgres, type TestPlace } from "../support/postgres.ts";
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
const end = (pid: number) => place.ask(`select pg_terminate_backend(${pid}, 5000)`);

describe("A database on PostgreSQL", () => {
  it("gets one schema from several that start at once on it while it is empty", async () => {
    const opened = await Promise.all(Array.from({ length: 5 }, () => open()));
    await Promise.all(opened.map((store, index) => add(store, `u${index}`)));
    const [first] = opened;
    expect(first && (await idsIn(first))).toEqual(["u0", "u1", "u2", "u3", "u4"]);
    expect(await place.ask("select name from kysely_migration order by name")).toEqual(
      MIGRATION_NAMES.map((name) => ({ name })),
    );
  });

  it("sorts text by code points, whatever its own language", async () => {
    await open();
    const columns = `select distinct a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
      join pg_type t on t.oid = a.atttypid join pg_collation l on l.oid = a.attcollation
      where c.relnamespace = current_schema()::regnamespace and t.typname = 'text' and l.collname <> 'C'`;
    expect(await place.ask(columns)).toEqual([]);
  });

  it.each([
    ["another application's tables", "create table notes (body text)"],
    [
      "another application's tables, migrated as ours are",
      "create table kysely_migration (name text); create table users (id int)",
    ],
  ])("is refused, and left as it is, if it holds %s", async (_, statements) => {
    await place.ask(statements);
    const tables = "select relname from pg_class where relnamespace = current_schema()::regnamespace";
    const before = await place.ask(tables);
    await expect(open()).rejects.toMatchObject({
      name: "UnusableDatabase",
      message: expect.stringMatching(
        /127\.0\.0\.1:\d+\/\w+ holds tables of another application in its schema test_\w+; give/,
      ),
    });
    expect(await place.ask(tables)).toEqual(before);
  });

  it("is refused if it is not in UTF-8", async () => {
    const server = await sharedPostgres();
    await askAt(server, "create database latin encoding 'LATIN1' template template0 locale 'C'");
    const url = new URL(server);
    url.pathname = "/latin";
    await expect(open({ url: url.href })).rejects.toThrow("/latin is in LATIN1; make a database with");
    await askAt(server, "drop database latin");
  });

  it.each([
    [
      "no such database",
      (url: URL) => Object.assign(url, { pathname: "/nowhere" }),
      /"nowhere" does not exist.*make the/,
    ],
    ["a wrong password", (url: URL) => Object.assign(url, { password: "hunter2" }), /password.*give the right user/],
    ["a port where nobody listens", (url: URL) => Object.assign(url, { port: "1" }), /ECONNREFUSED.*see whether/],
    ["a name that nobody has", (url: URL) => Object.assign(url, { hostname: "nobody.invalid" }), /nobody\.invalid/],
  ])("that cannot be had, for %s, is told with what to do", async (_, change, message) => {
    const url = change(new URL(place.url));
    await expect(open({ url: url.href })).rejects.toMatchObject({
      name: "UnusableDatabase",
      message: expect.stringMatching(message),
    });
  });
});

describe("The password of the database", () => {
  const secretsOf = (error: unknown) => inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error);

  it("is in no error of a database that cannot be opened", async () => {
    const url = new URL(place.url);
    url.password = "hunter2-hunter2";
    const { href } = url;
    const urls = [href, href.replace(/:\d+\//, ":1/"), `${href}&sslmode=require`, `${href}&sslmode=prefer`, `${href}%`];
    for (const wrong of [...urls, href.replace("postgres:", "mysql:"), href.replace(/:\d+\//, ":port/")]) {
      const error = await openPostgresStore({ url: wrong }).catch((fault: unknown) => fault);
      expect(secretsOf(error)).toContain("UnusableDatabase");
      expect(secretsOf(error)).not.toContain("hunter2");
    }
  });

  it("is in no error of a store, nor are rows that were refused", async () => {
    const store = await open({ timeouts: { statementMs: 1_000 } });
    const { password } = new URL(place.url);
    await add(store, "ada");
    const failing = [
      store.read(sleep(9)),
      add(store, "ada"),
      store.write(({ db }) => sql`update users set state = 'asleep'`.execute(db)),
      store.write(async ({ db }) => end(await pidOf(db)).then(() => pidOf(db))),
    ];
    for (const outcome of await Promise.allSettled(failing)) {
      const said = outcome.status === "rejected" ? secretsOf(outcome.reason) : "";
      expect(said).not.toContain(password);
      expect(said).not.toContain("hash of ada");
    }
  });
});
