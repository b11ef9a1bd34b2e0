import { describe, expect, it } from "vitest";
import { findRole, saveRole } from "../../../src/store/queries/roles.ts";
import { findUser, insertUser, listUsers, replaceRoles } from "../../../src/store/queries/users.ts";
import type { Queries, Store } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { userRow } from "./rows.ts";

const idsOf = async (db: Queries) => (await listUsers(db, { after: "", limit: 100, role: "" })).map(({ id }) => id);
const add = (store: Store, id: string) => store.write(({ db }) => insertUser(db, userRow(id)));

/** What reads see and what writes keep. */
export function describeReadsAndWrites({ make, openStore }: Databases): void {
  describe("in a read", () => {
    it("shows one state from the first query to the last, whatever is written meanwhile", async () => {
      const store = await openStore();
      await add(store, "ada");
      const [before, during] = await store.read(async (db) => {
        const first = await idsOf(db);
        await add(store, "bob");
        return [first, await idsOf(db)];
      });
      expect([before, during]).toEqual([["ada"], ["ada"]]);
      expect(await store.read(idsOf)).toEqual(["ada", "bob"]);
    });

    it("shows one state although another process writes meanwhile", async () => {
      const database = await make();
      const store = await database.open();
      const other = await database.open();
      const seen = await store.read(async (db) => {
        const first = await idsOf(db);
        await add(other, "bob");
        return [first, await idsOf(db)];
      });
      expect(seen).toEqual([[], []]);
      expect(await store.read(idsOf)).toEqual(["bob"]);
    });

    it("passes on what the work throws, and serves the next", async () => {
      const store = await openStore();
      const fault = new Error("changed its mind");
      const failing = store.read(async () => {
        throw fault;
      });
      const next = store.read(idsOf);
      await expect(failing).rejects.toBe(fault);
      expect(await next).toEqual([]);
    });

    it("yields what the work yields, to each its own", async () => {
      const store = await openStore();
      await add(store, "ada");
      const found = ["ada", "bob", "ada"].map((id) => store.read((db) => findUser(db, "id", id)));
      expect((await Promise.all(found)).map((user) => user?.id ?? null)).toEqual(["ada", null, "ada"]);
    });
  });

  describe("in a write", () => {
    it("shows its own changes", async () => {
      const store = await openStore();
      const user = await store.write(async ({ db }) => {
        await insertUser(db, userRow("ada"));
        return findUser(db, "id", "ada");
      });
      expect(user?.username).toBe("ada");
    });

    it("shows its changes to no read before it is over", async () => {
      const store = await openStore();
      const seen = await store.write(async ({ db }) => {
        await insertUser(db, userRow("ada"));
        // Awaited in here only so that the read falls into the middle of the write.
        return store.read(idsOf);
      });
      expect(seen).toEqual([]);
    });

    it("shows its changes to every read that begins after it resolved, in other processes too", async () => {
      const database = await make();
      const [store, other] = [await database.open(), await database.open()];
      await add(store, "ada");
      expect(await store.read(idsOf)).toEqual(["ada"]);
      expect(await other.read(idsOf)).toEqual(["ada"]);
    });

    it("keeps nothing, in no table, of a write that throws", async () => {
      const store = await openStore();
      const fault = new Error("changed its mind");
      const failing = store.write(async ({ db }) => {
        await insertUser(db, userRow("ada"));
        await saveRole(db, "clerk", ["orders:read"]);
        await replaceRoles(db, "ada", ["clerk"]);
        throw fault;
      });
      await expect(failing).rejects.toBe(fault);
      expect(await store.read(idsOf)).toEqual([]);
      expect(await store.read((db) => findRole(db, "clerk"))).toBeNull();
    });

    it("keeps nothing of a write whose last query fails", async () => {
      const store = await openStore();
      await add(store, "ada");
      const failing = store.write(async ({ db }) => {
        await insertUser(db, userRow("bob"));
        await insertUser(db, userRow("eve", { username: "ada" }));
      });
      await expect(failing).rejects.toThrow();
      expect(await store.read(idsOf)).toEqual(["ada"]);
    });

    it("tells the time by the database's clock", async () => {
      const database = await make();
      const store = await database.open();
      const before = await database.now();
      const now = await store.write(async (tx) => tx.now);
      expect(now).toBeGreaterThanOrEqual(before);
      expect(now).toBeLessThanOrEqual(await database.now());
    });
  });

  describe("its change marker", () => {
    it("is another after a write of its own, or always null", async () => {
      const store = await openStore();
      const before = store.changeMarker();
      await add(store, "ada");
      expect([before, store.changeMarker()]).toSatisfy(differOrAreNull);
    });

    it("is another after a write of another process, or always null", async () => {
      const database = await make();
      const [store, other] = [await database.open(), await database.open()];
      const before = store.changeMarker();
      await add(other, "ada");
      expect([before, store.changeMarker()]).toSatisfy(differOrAreNull);
    });

    it("never hides, during a read, what was written after the read began", async () => {
      const database = await make();
      const [store, other] = [await database.open(), await database.open()];
      const before = store.changeMarker();
      const during = await store.read(async (db) => {
        await idsOf(db);
        await add(other, "ada");
        return store.changeMarker();
      });
      expect([before, during]).toSatisfy(differOrAreNull);
    });
  });
}

function differOrAreNull([before, after]: readonly (number | null)[]): boolean {
  return after === null || before !== after;
}
