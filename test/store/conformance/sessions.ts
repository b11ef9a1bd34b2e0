import { describe, expect, it } from "vitest";
import {
  deleteDeadSessions,
  endAllSessions,
  findSession,
  insertSession,
  latestAccessExpiry,
  listLiveSessions,
  lockSession,
  markEnded,
  noteAccessExpiry,
  openSessions,
  rememberRotation,
  rotate,
  rotationTime,
} from "../../../src/store/queries/sessions.ts";
import { insertUser } from "../../../src/store/queries/users.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { sessionRow, THEN, userRow } from "./rows.ts";

type Columns = Parameters<typeof sessionRow>[2];

const MINUTE = 60_000;

const find = (store: Store, id: string) => store.read((db) => findSession(db, id));
const add = (store: Store, id: string, columns: Columns = {}, userId = "ada") =>
  store.write(({ db }) => insertSession(db, sessionRow(id, userId, columns)));

const NEXT = {
  generation: 2,
  rotated_at: THEN + MINUTE,
  attempt_hash: "attempt",
  refresh_expires_at: THEN + 86_460_000,
  access_expires_at: THEN + 660_000,
};

/** Sessions and their recent rotations. */
export function describeSessions(databases: Databases): void {
  /** A store with the users ada and bob. */
  async function openStore(): Promise<Store> {
    const store = await databases.openStore();
    await store.write(async ({ db }) => {
      for (const id of ["ada", "bob"]) await insertUser(db, userRow(id));
    });
    return store;
  }

  describe("of sessions", () => {
    it("gives back what was stored", async () => {
      const store = await openStore();
      const row = sessionRow("s1", "ada", { device_name: "naïve 🪁 phone", attempt_hash: "hash", ended_at: THEN + 1 });
      await store.write(({ db }) => insertSession(db, row));
      expect(await find(store, "s1")).toEqual(row);
      expect(await store.write((tx) => lockSession(tx, "s1"))).toEqual(row);
      expect(await find(store, "s2")).toBeNull();
      expect(await store.write((tx) => lockSession(tx, "s2"))).toBeNull();
    });

    it("refuses a session of nobody, and a second one of the same id", async () => {
      const store = await openStore();
      await add(store, "s1");
      await expect(add(store, "s2", {}, "eve")).rejects.toThrow();
      await expect(add(store, "s1", {}, "bob")).rejects.toThrow();
      expect((await find(store, "s1"))?.user_id).toBe("ada");
    });

    it("rotates once from each generation, and not at all what is ended or unknown", async () => {
      const store = await openStore();
      await add(store, "s1");
      await add(store, "s2", { ended_at: THEN });
      await add(store, "s3", { generation: 7 });
      const rotated = (id: string) => store.write(({ db }) => rotate(db, id, NEXT));
      expect(await rotated("s1")).toBe(true);
      expect(await find(store, "s1")).toEqual({ ...sessionRow("s1", "ada"), ...NEXT });
      expect([await rotated("s1"), await rotated("s2"), await rotated("s3"), await rotated("s4")]).toEqual([
        false,
        false,
        false,
        false,
      ]);
      expect((await find(store, "s2"))?.generation).toBe(1);
      expect((await find(store, "s3"))?.generation).toBe(7);
    });

    it("lets one of many rotations at once through", async () => {
      const store = await openStore();
      await add(store, "s1");
      const tries = Array.from({ length: 16 }, () => store.write(({ db }) => rotate(db, "s1", NEXT)));
      expect((await Promise.all(tries)).filter(Boolean)).toEqual([true]);
    });

    it("only ever moves the expiry of access tokens later", async () => {
      const store = await openStore();
      await add(store, "s1", { access_expires_at: THEN });
      const note = async (expiresAt: number) => {
        await store.write(({ db }) => noteAccessExpiry(db, "s1", expiresAt));
        return (await find(store, "s1"))?.access_expires_at;
      };
      expect(await note(THEN - 1)).toBe(THEN);
      expect(await note(THEN + 1)).toBe(THEN + 1);
    });

    it("tells the latest expiry of a user's access tokens, those of ended sessions too; 0 if there were none", async () => {
      const store = await openStore();
      await add(store, "s1", { access_expires_at: THEN + 1 });
      await add(store, "s2", { access_expires_at: THEN + 2, ended_at: THEN });
      expect(await store.read((db) => latestAccessExpiry(db, "ada"))).toBe(THEN + 2);
      expect(await store.read((db) => latestAccessExpiry(db, "bob"))).toBe(0);
    });

    it("remembers rotations of each session, and forgets its own that are too old", async () => {
      const store = await openStore();
      await add(store, "s1");
      await add(store, "s2");
      const remember = (id: string, generation: number, at: number, forgetBefore: number) =>
        store.write(({ db }) => rememberRotation(db, { session_id: id, generation, rotated_at: at }, forgetBefore));
      const time = (id: string, generation: number) => store.read((db) => rotationTime(db, id, generation));
      await remember("s1", 1, THEN, 0);
      await remember("s2", 1, THEN, 0);
      await remember("s1", 2, THEN + 10, THEN - 1);
      expect([await time("s1", 1), await time("s1", 2), await time("s1", 3)]).toEqual([THEN, THEN + 10, null]);
      await remember("s1", 3, THEN + 20, THEN);
      expect([await time("s1", 1), await time("s1", 2), await time("s1", 3)]).toEqual([null, THEN + 10, THEN + 20]);
      expect(await time("s2", 1)).toBe(THEN);
    });

    it("remembers the later time of a generation that was exchanged twice, as after a restore", async () => {
      const store = await openStore();
      await add(store, "s1");
      for (const rotated_at of [THEN, THEN + 5]) {
        await store.write(({ db }) => rememberRotation(db, { session_id: "s1", generation: 1, rotated_at }, 0));
      }
      expect(await store.read((db) => rotationTime(db, "s1", 1))).toBe(THEN + 5);
    });

    it("lists a user's live sessions in pages, the newest first", async () => {
      const store = await openStore();
      const now = THEN + MINUTE;
      for (const id of ["s3", "s1", "s5", "s2"]) await add(store, id);
      await add(store, "s4", {}, "bob");
      await add(store, "s6", { ended_at: THEN });
      await add(store, "s7", { refresh_expires_at: now });
      const page = async (before: string) =>
        (await store.read((db) => listLiveSessions(db, { userId: "ada", now, before, limit: 3 }))).map(({ id }) => id);
      expect(await page("")).toEqual(["s5", "s3", "s2"]);
      expect(await page("s2")).toEqual(["s1"]);
      expect(await page("s1")).toEqual([]);
    });

    it("knows the sessions that are not ended, expired ones too", async () => {
      const store = await openStore();
      await add(store, "s1", { refresh_expires_at: 0 });
      await add(store, "s2", { ended_at: THEN });
      await add(store, "s3", {}, "bob");
      expect((await store.read((db) => openSessions(db, "ada"))).map(({ id }) => id)).toEqual(["s1"]);
    });

    it("marks the end with the time of the write, and drops the attempt with it", async () => {
      const store = await openStore();
      await add(store, "s1", { attempt_hash: "attempt" });
      await add(store, "s2", { attempt_hash: "attempt" });
      const endedAt = await store.write(async (tx) => {
        await markEnded(tx, "s1");
        return tx.now;
      });
      expect(await find(store, "s1")).toMatchObject({ ended_at: endedAt, attempt_hash: null });
      expect(await find(store, "s2")).toMatchObject({ ended_at: null, attempt_hash: "attempt" });
    });

    it("ends all that are not ended at once, and tells how many those were", async () => {
      const store = await openStore();
      await add(store, "s1", { attempt_hash: "attempt" });
      await add(store, "s2", { ended_at: THEN });
      await add(store, "s3", {}, "bob");
      const { count, now } = await store.write(async (tx) => ({ count: await endAllSessions(tx), now: tx.now }));
      expect(count).toBe(2);
      const ended = await Promise.all(["s1", "s2", "s3"].map((id) => find(store, id)));
      expect(ended.map((session) => session?.ended_at)).toEqual([now, THEN, now]);
      expect(ended[0]?.attempt_hash).toBeNull();
      expect(await store.write(endAllSessions)).toBe(0);
    });

    it("deletes, up to a number, only those of which no token is alive, and their rotations", async () => {
      const store = await openStore();
      const dead = { refresh_expires_at: THEN - 1, access_expires_at: THEN - 1 };
      for (const id of ["s1", "s2", "s3"]) await add(store, id, dead);
      await add(store, "s4", { ...dead, access_expires_at: THEN });
      await add(store, "s5", { ...dead, refresh_expires_at: THEN });
      const rotation = { session_id: "s1", generation: 1, rotated_at: THEN };
      await store.write(({ db }) => rememberRotation(db, rotation, 0));
      const deleted = () => store.write(({ db }) => deleteDeadSessions(db, THEN, 2));
      expect([await deleted(), await deleted(), await deleted()]).toEqual([2, 1, 0]);
      const left = await Promise.all(["s1", "s2", "s3", "s4", "s5"].map((id) => find(store, id)));
      expect(left.map((session) => session?.id ?? null)).toEqual([null, null, null, "s4", "s5"]);
      expect(await store.read((db) => rotationTime(db, "s1", 1))).toBeNull();
    });
  });
}
