import { describe, expect, it } from "vitest";
import { findRole, saveRole } from "../../../src/store/queries/roles.ts";
import { findUser, insertUser, listUsers, lockUser, raiseEpoch } from "../../../src/store/queries/users.ts";
import type { Queries, Store } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { userRow } from "./rows.ts";

const idsOf = async (db: Queries) => (await listUsers(db, { after: "", limit: 1000, role: "" })).map(({ id }) => id);
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `u${String(index).padStart(4, "0")}`);

function addOrThrow(store: Store, id: string, fails: boolean): Promise<string> {
  return store.write(async ({ db }) => {
    await insertUser(db, userRow(id));
    if (fails) throw new Error(`${id} changed its mind`);
    return id;
  });
}

/** Writes that come together, and what runs after them. */
export function describeCommits({ openStore, make }: Databases): void {
  describe("when many write at once", () => {
    it("keeps every write, and answers each with its own value", async () => {
      const store = await openStore();
      const ids = numbered(300);
      expect(await Promise.all(ids.map((id) => addOrThrow(store, id, false)))).toEqual(ids);
      expect(await store.read(idsOf)).toEqual(ids);
    });

    it("undoes of the writes of one turn only those that throw", async () => {
      const store = await openStore();
      const ids = numbered(30);
      const outcomes = await Promise.allSettled(ids.map((id, index) => addOrThrow(store, id, index % 3 === 1)));
      const failed = ids.filter((_, index) => index % 3 === 1);
      const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.message] : []));
      expect(reasons).toEqual(failed.map((id) => `${id} changed its mind`));
      expect(await store.read(idsOf)).toEqual(ids.filter((id) => !failed.includes(id)));
    });

    it("undoes of the writes of one turn only those whose query fails", async () => {
      const store = await openStore();
      const twice = ["ada", "bob", "ada", "cyd"].map((name, index) =>
        store.write(({ db }) => insertUser(db, userRow(`u${index}`, { username: name }))),
      );
      const outcomes = await Promise.allSettled(twice);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
      expect(await store.read(idsOf)).toHaveLength(3);
    });

    it("loses no change of writes that read what they change", async () => {
      const database = await make();
      const [store, other] = [await database.open(), await database.open()];
      await addOrThrow(store, "ada", false);
      const raise = (by: Store) =>
        by.write(async (tx) => {
          const before = await lockUser(tx, "ada");
          const epoch = await raiseEpoch(tx.db, "ada");
          return { before: before?.epoch, epoch };
        });
      const raised = await Promise.all(Array.from({ length: 60 }, (_, index) => raise(index % 2 ? store : other)));
      const epochs = raised.map(({ epoch }) => epoch).sort((a, b) => a - b);
      expect(epochs).toEqual(Array.from({ length: 60 }, (_, index) => index + 2));
      expect(raised.every(({ before, epoch }) => before === epoch - 1)).toBe(true);
    });
  });

  describe("what is to run on commit", () => {
    it("runs once the change is on record, before the write resolves", async () => {
      const store = await openStore();
      const events: string[] = [];
      let seen: Promise<unknown> | null = null;
      await store.write(async ({ db, onCommit }) => {
        onCommit(() => {
          events.push("committed");
          seen = store.read((queries) => findUser(queries, "id", "ada"));
        });
        await insertUser(db, userRow("ada"));
        events.push("worked");
      });
      events.push("resolved");
      expect(events).toEqual(["worked", "committed", "resolved"]);
      expect(await seen).not.toBeNull();
    });

    it("runs in the order in which it was asked for", async () => {
      const store = await openStore();
      const ran: number[] = [];
      await store.write(async ({ onCommit }) => {
        for (const number of [1, 2, 3]) onCommit(() => ran.push(number));
      });
      expect(ran).toEqual([1, 2, 3]);
    });

    it("never runs for a write that throws, also beside one that is kept", async () => {
      const store = await openStore();
      const ran: string[] = [];
      const kept = store.write(async ({ db, onCommit }) => {
        onCommit(() => ran.push("kept"));
        await saveRole(db, "clerk", []);
      });
      const undone = store.write(async ({ db, onCommit }) => {
        onCommit(() => ran.push("undone"));
        await saveRole(db, "guard", []);
        throw new Error("changed its mind");
      });
      await Promise.allSettled([kept, undone]);
      expect(ran).toEqual(["kept"]);
      expect(await store.read((db) => findRole(db, "guard"))).toBeNull();
    });
  });
}
