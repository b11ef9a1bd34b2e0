/** Reads and writes on PostgreSQL that ask for several things at once, and go to and fro no more than they must. */
import { sql } from "kysely";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { compileOnce } from "../../src/store/compile-once.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { areRoles } from "../../src/store/queries/roles.ts";
import { findUser, giveRoles, insertUser, takenName } from "../../src/store/queries/users.ts";
import type { Queries, Store, Tx } from "../../src/store/store.ts";
import { waitingFor } from "../support/patience.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { THEN, userRow } from "./conformance/rows.ts";

let place: TestPlace;
let store: Store;

beforeEach(async () => {
  place = await makePlace();
});
afterEach(async () => {
  await store.close();
  await place.remove();
});

const open = async (maxConnections: number) => {
  store = await openPostgresStore({ url: place.url, maxConnections });
};

describe("A write whose statements go together", () => {
  beforeEach(() => open(3));

  const addBoth = (id: string, role: string) =>
    store.write(({ db }) => Promise.all([insertUser(db, userRow(id)), giveRoles(db, id, [role])]));
  const find = (id: string) => store.read((db) => findUser(db, "id", id));

  it.each([1, 2, 3])("keeps nothing if one of them fails, whichever time it is (%i)", async (times) => {
    for (let time = 1; time < times; time += 1) await addBoth(`ada${time}`, "user");
    await expect(addBoth("bob", "ghost")).rejects.toMatchObject({ code: "23503" });
    expect(await find("bob")).toBeNull();
    expect((await addBoth("bob", "user")).length).toBe(2);
    expect((await find("bob"))?.roles).toEqual(["user"]);
  });

  it("keeps nothing of what comes behind one that fails, prepared or not", async () => {
    await addBoth("ada", "user");
    const twice = store.write(({ db }) => {
      const late = db.updateTable("users").set({ epoch: 9 }).where("id", "=", "ada").execute();
      return Promise.all([insertUser(db, userRow("ada")), giveRoles(db, "ada", ["admin"]), late]);
    });
    await expect(twice).rejects.toMatchObject({ code: "23505" });
    expect(await find("ada")).toMatchObject({ epoch: 1, roles: ["user"] });
    expect(await store.read((db) => takenName(db, "ada", null))).toBe("username");
  });
});

describe("A write that asks before it looks at the time", () => {
  const first = { asksFirst: true };

  beforeEach(() => open(3));

  const add = (id: string, create_time: number, { db }: Tx) => insertUser(db, userRow(id, { create_time }));

  it("knows it with the first answer, and is kept", async () => {
    for (const id of ["ada", "bob", "eve"]) {
      const write = async (tx: Tx) => {
        await takenName(tx.db, id, null);
        await add(id, tx.now, tx);
        return tx.now;
      };
      const now = await store.write(write, undefined, first);
      expect((await store.read((db) => findUser(db, "id", id)))?.create_time).toBe(now);
    }
  });

  it("is refused if it looks too early, and nothing of it is kept", async () => {
    await expect(store.write((tx) => add("ada", tx.now, tx), undefined, first)).rejects.toThrow("looked at before");
    expect(await store.read((db) => findUser(db, "id", "ada"))).toBeNull();
    await store.write((tx) => add("ada", tx.now, tx));
  });

  it("changes nothing if it cannot begin, however it goes on", async () => {
    const query = Client.prototype.query;
    const spoil = vi.spyOn(Client.prototype, "query").mockImplementation(function spoilt(
      this: Client,
      ...args: unknown[]
    ) {
      const [asked] = args;
      const text = typeof asked === "object" && asked !== null && "text" in asked ? String(asked.text) : "";
      const spoilt = text.startsWith("begin") ? [{ ...Object(asked), text: "begin nonsense", name: undefined }] : args;
      return Reflect.apply(query, this, spoilt);
    });
    const fresh = await openPostgresStore({ url: place.url, maxConnections: 3 });
    const goOn = async (tx: Tx) => {
      const added = add("eve", THEN, tx);
      await added.catch(() => {});
      await add("eve", THEN, tx).catch(() => {});
      return added;
    };
    await expect(fresh.write(goOn, undefined, first)).rejects.toMatchObject({ code: "42601" });
    spoil.mockRestore();
    await fresh.close();
    expect(await store.read((db) => findUser(db, "id", "eve"))).toBeNull();
  });
});

describe("A read whose queries go together", () => {
  beforeEach(async () => {
    await open(1);
    await store.write(({ db }) => insertUser(db, userRow("ada")));
  });

  const settings = compileOnce(
    (db, first: string, second: string) =>
      db.selectNoFrom([
        sql<string>`current_setting(${first})`.as("first"),
        sql<string>`current_setting(${second})`.as("second"),
      ]),
    ["1", "2"],
  );
  const both = (db: Queries) => Promise.all([takenName(db, "ada", null), takenName(db, "bob", null)]);

  it("is answered the same, whichever time it is asked", async () => {
    for (let time = 1; time <= 3; time += 1) expect(await store.readAtOnce(both)).toEqual(["username", null]);
  });

  it("takes no query that comes after an answer, and its connection serves the next", async () => {
    const late = store.readAtOnce(async (db) => {
      await both(db);
      return takenName(db, "ada", null);
    });
    await expect(late).rejects.toThrow("after the end of its transaction");
    expect(await store.readAtOnce(both)).toEqual(["username", null]);
  });

  it("fails as whoever asks it does, and its connection serves the next", async () => {
    const refuse = (): Promise<never> => {
      throw new Error("at once");
    };
    await expect(store.readAtOnce(refuse)).rejects.toThrow("at once");
    await expect(store.read(refuse)).rejects.toThrow("at once");
    expect(await store.readAtOnce(both)).toEqual(["username", null]);
  });

  it("cannot write", async () => {
    const sly = (db: Queries) => Promise.all([both(db), insertUser(db, userRow("eve"))]);
    await expect(store.readAtOnce(sly)).rejects.toMatchObject({ reason: "UNAVAILABLE", cause: { code: "25006" } });
    expect(await store.readAtOnce(both)).toEqual(["username", null]);
    expect(await store.read((db) => findUser(db, "id", "eve"))).toBeNull();
  });

  it("may ask for many at once", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `role ${index}`);
    expect(await store.readAtOnce((db) => Promise.all([areRoles(db, names), areRoles(db, ["user"])]))).toEqual([
      false,
      true,
    ]);
  });

  it.each(["read", "readAtOnce"] as const)("(%s) is no loss if the server ended its idle connection", async (way) => {
    const [{ pid } = { pid: null }] = (
      await store.read((db) => sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db))
    ).rows;
    await place.ask(`select pg_terminate_backend(${pid}, 5000)`);
    expect(await store[way](both)).toEqual(["username", null]);
  });

  it.each(["read", "readAtOnce"] as const)(
    "(%s) has the deadline of whoever asks, and the next one has its own",
    async (way) => {
      const timeouts = async (db: Queries) => (await settings(db, "statement_timeout", "lock_timeout")).rows[0];
      const usual = await store[way](timeouts);
      for (let time = 1; time <= 2; time += 1) {
        const soon = await store[way](timeouts, waitingFor(900));
        for (const text of Object.values(soon ?? {})) expect(Number(/^(\d+)ms$/.exec(text)?.[1])).toBeLessThan(900);
      }
      expect(await store[way](timeouts)).toEqual(usual);
    },
  );
});
