import { describe, expect, it } from "vitest";
import {
  appendRevocation,
  createLogOnce,
  entriesAfter,
  forgetRevocations,
  logPosition,
  replaceLog,
} from "../../../src/store/queries/revocations.ts";
import type { Store, Tx } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { THEN } from "./rows.ts";

const append = (tx: Tx, subject: string, expiresAt = THEN) =>
  appendRevocation(tx, { kind: "session_ended", subject, value: null, expires_at: expiresAt });
const position = (store: Store) => store.read(logPosition);
const entries = (store: Store, after = 0) => store.read((db) => entriesAfter(db, after));
const forget = (store: Store, before: number) => store.write((tx) => forgetRevocations(tx, before));

/** The revocation log. */
export function describeRevocations(databases: Databases): void {
  async function openLog(): Promise<Store> {
    const store = await databases.openStore();
    await store.write(({ db }) => createLogOnce(db, "log"));
    return store;
  }

  describe("of the revocation log", () => {
    it("has none until it is made, and takes no entry before", async () => {
      const store = await databases.openStore();
      expect(await position(store)).toBeNull();
      await expect(store.write((tx) => append(tx, "s1"))).rejects.toThrow();
      expect(await entries(store)).toEqual([]);
    });

    it("makes it once, whoever tries again", async () => {
      const store = await openLog();
      await store.write((tx) => append(tx, "s1"));
      await store.write(({ db }) => createLogOnce(db, "another"));
      expect(await position(store)).toEqual({ log_id: "log", revision: 1, floor: 0 });
    });

    it("gives back entries as they were stored, in their order, after any revision", async () => {
      const store = await openLog();
      const appended = await store.write(async (tx) => {
        const revisions = [
          await appendRevocation(tx, { kind: "user_epoch", subject: "ada", value: "7", expires_at: THEN + 1 }),
          await appendRevocation(tx, { kind: "role_changed", subject: "clerk", value: null, expires_at: THEN + 2 }),
        ];
        return { revisions, now: tx.now };
      });
      expect(appended.revisions).toEqual([1, 2]);
      const recorded_at = appended.now;
      const first = { revision: 1, kind: "user_epoch", subject: "ada", value: "7", recorded_at, expires_at: THEN + 1 };
      const second = {
        revision: 2,
        kind: "role_changed",
        subject: "clerk",
        value: null,
        recorded_at,
        expires_at: THEN + 2,
      };
      expect(await entries(store)).toEqual([first, second]);
      expect(await entries(store, 1)).toEqual([second]);
      expect(await entries(store, 2)).toEqual([]);
      expect(await entries(store, 99)).toEqual([]);
    });

    it("has no gaps, under many appends at once from two processes of which some fail", async () => {
      const database = await databases.make();
      const stores = [await database.open(), await database.open()];
      await stores[0]?.write(({ db }) => createLogOnce(db, "log"));
      const appendOrFail = async (store: Store, index: number) => {
        // Spread over some turns of the event loop, so that there are many groups of several writes.
        for (let turn = 0; turn < index % 5; turn += 1) await new Promise(setImmediate);
        return store.write(async (tx) => {
          const revision = await append(tx, `s${index}`);
          if (index % 3 === 0) throw new Error("changed its mind");
          return [revision, `s${index}`] as const;
        });
      };
      const attempts = stores.flatMap((store, which) =>
        Array.from({ length: 90 }, (_, index) => appendOrFail(store, which * 90 + index)),
      );
      const outcomes = await Promise.allSettled(attempts);
      const kept = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      kept.sort(([a], [b]) => a - b);
      expect(kept.map(([revision]) => revision)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
      const [store] = stores;
      if (store === undefined) throw new Error("no store");
      expect((await entries(store)).map(({ revision, subject }) => [revision, subject])).toEqual(kept);
      expect(await position(store)).toEqual({ log_id: "log", revision: 120, floor: 0 });
    });

    it("forgets only what concerns no living token, and raises the floor to the newest of that", async () => {
      const store = await openLog();
      await store.write(async (tx) => {
        for (const expiresAt of [THEN + 5, THEN - 1, THEN - 1, THEN, THEN + 9]) await append(tx, "s", expiresAt);
      });
      await forget(store, THEN);
      expect((await entries(store)).map(({ revision }) => revision)).toEqual([1, 4, 5]);
      expect(await position(store)).toEqual({ log_id: "log", revision: 5, floor: 3 });
    });

    it("never lowers the floor, nor takes back a revision", async () => {
      const store = await openLog();
      await store.write(async (tx) => {
        for (const expiresAt of [THEN + 5, THEN]) await append(tx, "s", expiresAt);
      });
      await forget(store, THEN + 1);
      await forget(store, THEN + 1);
      await forget(store, THEN + 6);
      expect(await entries(store)).toEqual([]);
      expect(await position(store)).toEqual({ log_id: "log", revision: 2, floor: 2 });
      expect(await store.write((tx) => append(tx, "s"))).toBe(3);
    });

    it("begins anew under another name, with nothing of before", async () => {
      const store = await openLog();
      await store.write(async (tx) => {
        for (const expiresAt of [THEN - 1, THEN]) await append(tx, "s", expiresAt);
      });
      await forget(store, THEN);
      await store.write(({ db }) => replaceLog(db, "another"));
      expect([await position(store), await entries(store)]).toEqual([{ log_id: "another", revision: 0, floor: 0 }, []]);
      expect(await store.write((tx) => append(tx, "s"))).toBe(1);
    });

    it("forgets nothing while every token may live", async () => {
      const store = await openLog();
      await store.write((tx) => append(tx, "s"));
      await forget(store, THEN);
      expect(await position(store)).toEqual({ log_id: "log", revision: 1, floor: 0 });
      expect(await entries(store)).toHaveLength(1);
    });
  });
}
