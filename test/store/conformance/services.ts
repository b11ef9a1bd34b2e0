import { describe, expect, it } from "vitest";
import {
  findLiveService,
  insertService,
  liveServices,
  noteServiceUse,
  revokeService,
} from "../../../src/store/queries/services.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { serviceRow, THEN } from "./rows.ts";

type Columns = Parameters<typeof serviceRow>[1];

const add = (store: Store, id: string, columns: Columns = {}) =>
  store.write(({ db }) => insertService(db, serviceRow(id, columns)));
const find = (store: Store, name: string) => store.read((db) => findLiveService(db, name));

/** Service credentials. */
export function describeServices({ openStore }: Databases): void {
  describe("of services", () => {
    it("gives back what was stored, by name, and lists by name", async () => {
      const store = await openStore();
      const row = serviceRow("s1", { name: "orders", permissions: '["users:read"]', last_used_at: THEN });
      await store.write(({ db }) => insertService(db, row));
      await add(store, "s2", { name: "billing" });
      expect(await find(store, "orders")).toEqual(row);
      expect(await find(store, "s1")).toBeNull();
      expect((await store.read(liveServices)).map(({ name }) => name)).toEqual(["billing", "orders"]);
    });

    it("refuses a key that another has or had", async () => {
      const store = await openStore();
      await add(store, "s1");
      await store.write((tx) => revokeService(tx, "s1"));
      await expect(add(store, "s2", { key_hash: serviceRow("s1").key_hash })).rejects.toThrow();
      expect(await store.read(liveServices)).toEqual([]);
    });

    it("finds a revoked one no more, and lets another take its name", async () => {
      const store = await openStore();
      await add(store, "s1", { name: "orders" });
      await add(store, "s2", { name: "billing" });
      await store.write((tx) => revokeService(tx, "s1"));
      expect(await find(store, "orders")).toBeNull();
      await add(store, "s3", { name: "orders" });
      expect((await find(store, "orders"))?.id).toBe("s3");
      expect((await store.read(liveServices)).map(({ id }) => id)).toEqual(["s2", "s3"]);
    });

    it("notes the latest use of one, whatever order the notes come in", async () => {
      const store = await openStore();
      await add(store, "s1");
      await add(store, "s2");
      for (const time of [THEN, THEN + 2, THEN + 1]) await store.write(({ db }) => noteServiceUse(db, "s1", time));
      expect((await find(store, "s1"))?.last_used_at).toBe(THEN + 2);
      expect((await find(store, "s2"))?.last_used_at).toBeNull();
    });
  });
}
