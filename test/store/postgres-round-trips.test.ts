/** Reads and writes on PostgreSQL that ask for several things at once; how often they go to and fro is counted. */
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { sql } from "kysely";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Core } from "../../src/core.ts";
import { compileOnce } from "../../src/store/compile-once.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { areRoles } from "../../src/store/queries/roles.ts";
import { findUser, giveRoles, insertUser, takenName } from "../../src/store/queries/users.ts";
import type { Queries, Store, Tx } from "../../src/store/store.ts";
import { workOn } from "../support/folder.ts";
import { endless, waitingFor } from "../support/patience.ts";
import { countPieces } from "../support/pieces.ts";
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

  /** Has the server forget how writes begin on this connection, and nothing else; how many ways to begin one it knew. */
  async function forgetBegin(db: Queries): Promise<number> {
    const begins = sql<{
      name: string;
    }>`select name from pg_prepared_statements where statement like 'begin%committed'`;
    const { rows } = await begins.execute(db);
    for (const { name } of rows) await sql`deallocate ${sql.id(name)}`.execute(db);
    return rows.length;
  }

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

  it("changes nothing if its beginning fails in the piece that the change is in", async () => {
    await store.close();
    await open(1);
    const pieces = countPieces();
    const warm = (id: string) => store.write((tx) => add(id, THEN, tx), undefined, first);
    await warm("ada");
    // Its beginning, with the change; and its end.
    expect(await pieces.of(() => warm("bob"))).toBe(2);
    expect(await store.read(forgetBegin)).toBe(1);
    const faults: unknown[] = [];
    const stop = new Error("tried again");
    const change = async (tx: Tx) => {
      if (faults.length > 0) throw stop;
      await add("eve", THEN, tx).catch((fault: unknown) => faults.push(fault));
    };
    await expect(store.write(change, undefined, first)).rejects.toThrow(stop);
    // The server did not know what would have begun it; the change it would have known.
    expect(faults).toMatchObject([{ code: "26000" }]);
    expect(await store.read((db) => findUser(db, "id", "eve"))).toBeNull();
  });
});

describe("On connections that have done it before, a round trip for each piece is all that is made", () => {
  beforeEach(() => open(3));

  /** As many as most times: what follows the log may have the connection for a moment, and then another one is made. */
  const countPiecesOf = (work: (core: Core, time: number) => Promise<unknown>) => {
    const settings = {
      SALLYPORT_DATABASE_URL: place.url,
      SALLYPORT_DATABASE_CONNECTIONS: "3",
      SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
    };
    const count = async (core: Core) => {
      const pieces = countPieces();
      await core.claimDatabase();
      const counted: number[] = [];
      for (let time = 1; time <= 9; time += 1) counted.push(await pieces.of(() => work(core, time)));
      return counted.slice(2).sort((one, other) => one - other)[3];
    };
    return workOn(tmpdir(), count, settings);
  };
  const signUp = ({ signup }: Core, time: number) =>
    signup({ username: `ada${time}`, password: "kites in the harbour at night", email: "", roles: [] }, endless);

  it("by a signup four: names and roles; the same, held, in the write; what is added; the commit", async () => {
    expect(await countPiecesOf(signUp)).toBe(4);
  });

  it("by a refresh four: the session; both, locked; what is changed; the commit", async () => {
    let token = "";
    const refresh = async (core: Core, time: number) => {
      if (token === "") {
        await signUp(core, time);
        const login = { identifier: "ada1", password: "kites in the harbour at night", audiences: [], deviceName: "" };
        token = (await core.login(login, endless)).refreshToken;
      }
      const input = { refreshToken: token, attemptId: new Uint8Array(), audiences: [] };
      token = (await core.refresh(input, endless)).refreshToken;
    };
    expect(await countPiecesOf(refresh)).toBe(4);
  });

  it("by a read that asks for everything at once one, by any other one more", async () => {
    const ask = (db: Queries) => takenName(db, "ada", null);
    await store.close();
    await open(1);
    const pieces = countPieces();
    for (let time = 1; time <= 2; time += 1) await store.readAtOnce(ask);
    expect(await pieces.of(() => store.readAtOnce(ask))).toBe(1);
    expect(await pieces.of(() => store.read(ask))).toBe(2);
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
        const soon = await store[way](timeouts, waitingFor(2_900));
        for (const text of Object.values(soon ?? {})) expect(Number(/^(\d+)ms$/.exec(text)?.[1])).toBeLessThan(2_900);
      }
      expect(await store[way](timeouts)).toEqual(usual);
    },
  );
});
