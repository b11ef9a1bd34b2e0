import { describe, expect, it } from "vitest";
import {
  deleteDeadKeys,
  deleteKey,
  insertKeys,
  listKeys,
  readKeyState,
  replaceEncryption,
  updateKey,
} from "../../../src/store/queries/keys.ts";
import { readMeta, writeMeta } from "../../../src/store/queries/meta.ts";
import type { Databases } from "./databases.ts";
import { keyRow, THEN } from "./rows.ts";

/** Keys, and facts about the database as a whole. */
export function describeKeys({ openStore }: Databases): void {
  describe("of keys", () => {
    it("gives back what was stored, the oldest first, then by id", async () => {
      const store = await openStore();
      const keys = [
        keyRow("k2", { created_at: THEN + 1, state: "next", expires_at: THEN + 9 }),
        keyRow("k3", { use: "refresh", algorithm: "HS256" }),
        keyRow("k1", { created_at: THEN + 1 }),
      ];
      await store.write(({ db }) => insertKeys(db, keys));
      expect(await store.read(listKeys)).toEqual([keys[1], keys[2], keys[0]]);
    });

    it("refuses all of several keys if one is there already", async () => {
      const store = await openStore();
      await store.write(({ db }) => insertKeys(db, [keyRow("k1")]));
      await expect(store.write(({ db }) => insertKeys(db, [keyRow("k2"), keyRow("k1")]))).rejects.toThrow();
      expect(await store.read(listKeys)).toHaveLength(1);
    });

    it("moves on the one key that is named, and of it only what is stated", async () => {
      const store = await openStore();
      await store.write(({ db }) => insertKeys(db, [keyRow("k1"), keyRow("k2", { expires_at: THEN })]));
      await store.write(({ db }) => updateKey(db, "k1", { state: "retired", expires_at: THEN + 1 }));
      await store.write(({ db }) => updateKey(db, "k2", { state: "next" }));
      await store.write(({ db }) => updateKey(db, "k3", { state: "next" }));
      expect(await store.read(listKeys)).toEqual([
        keyRow("k1", { state: "retired", expires_at: THEN + 1 }),
        keyRow("k2", { state: "next", expires_at: THEN }),
      ]);
    });

    it("deletes the one key that is named", async () => {
      const store = await openStore();
      await store.write(({ db }) => insertKeys(db, [keyRow("k1"), keyRow("k2")]));
      await store.write(({ db }) => deleteKey(db, "k1"));
      await store.write(({ db }) => deleteKey(db, "k3"));
      expect(await store.read(listKeys)).toEqual([keyRow("k2")]);
    });

    it("replaces what a key is encrypted to only where that still is what was decrypted", async () => {
      const store = await openStore();
      await store.write(({ db }) => insertKeys(db, [keyRow("k1"), keyRow("k2")]));
      await store.write(({ db }) => replaceEncryption(db, "k1", "jwe of k2", "lost"));
      await store.write(({ db }) => replaceEncryption(db, "k2", "jwe of k2", "rewrapped"));
      await store.write(({ db }) => replaceEncryption(db, "k2", "jwe of k2", "too late"));
      expect(await store.read(listKeys)).toEqual([keyRow("k1"), keyRow("k2", { private_jwe: "rewrapped" })]);
    });

    it("deletes only retired ones whose last token is dead, and tells which", async () => {
      const store = await openStore();
      const keys = [
        keyRow("dead", { state: "retired", expires_at: THEN - 1 }),
        keyRow("dying", { state: "retired", expires_at: THEN }),
        keyRow("endless", { state: "retired" }),
        keyRow("next", { state: "next", expires_at: 1 }),
        keyRow("signs", { expires_at: 1 }),
      ];
      await store.write(({ db }) => insertKeys(db, keys));
      expect(await store.write(({ db }) => deleteDeadKeys(db, THEN))).toEqual(["dead"]);
      expect(await store.write(({ db }) => deleteDeadKeys(db, THEN))).toEqual([]);
      expect((await store.read(listKeys)).map(({ kid }) => kid)).toEqual(["dying", "endless", "next", "signs"]);
    });

    it("tells with them the longest life of an access token, 0 before that is known", async () => {
      const store = await openStore();
      expect(await store.read(readKeyState)).toEqual({ keys: [], maxAccessTtlMs: 0 });
      await store.write(async ({ db }) => {
        await insertKeys(db, [keyRow("k1")]);
        await writeMeta(db, "max_access_ttl_ms", "600000");
      });
      expect(await store.read(readKeyState)).toEqual({ keys: [keyRow("k1")], maxAccessTtlMs: 600_000 });
    });
  });

  describe("of itself", () => {
    it("keeps each fact once, as it was last told", async () => {
      const store = await openStore();
      const issuer = () => store.read((db) => readMeta(db, "issuer"));
      expect(await issuer()).toBeNull();
      await store.write(({ db }) => writeMeta(db, "issuer", "http://one"));
      await store.write(({ db }) => writeMeta(db, "issuer", "http://two"));
      await store.write(({ db }) => writeMeta(db, "max_access_ttl_ms", "1"));
      expect(await issuer()).toBe("http://two");
    });
  });
}
