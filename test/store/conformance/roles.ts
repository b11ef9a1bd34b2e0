import { describe, expect, it } from "vitest";
import {
  areRoles,
  buryRole,
  countRoles,
  deletionTimeOf,
  findRole,
  isRoleInUse,
  listRoles,
  saveRole,
} from "../../../src/store/queries/roles.ts";
import { insertUser, replaceRoles } from "../../../src/store/queries/users.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { userRow } from "./rows.ts";

const save = (store: Store, name: string, permissions: readonly string[] = []) =>
  store.write(({ db }) => saveRole(db, name, permissions));
const find = (store: Store, name: string) => store.read((db) => findRole(db, name));

/** Roles and what they grant. */
export function describeRoles({ openStore }: Databases): void {
  describe("of roles", () => {
    it("has user and admin from the start", async () => {
      const store = await openStore();
      expect(await store.read((db) => listRoles(db, { after: "", limit: 9 }))).toEqual([
        { name: "admin", builtIn: true, permissions: ["*"] },
        { name: "user", builtIn: true, permissions: [] },
      ]);
    });

    it("makes a role, and replaces all that it grants", async () => {
      const store = await openStore();
      await save(store, "clerk", ["orders:write", "orders:read"]);
      await save(store, "guard", ["doors:open"]);
      expect(await find(store, "clerk")).toEqual({
        name: "clerk",
        builtIn: false,
        permissions: ["orders:read", "orders:write"],
      });
      await save(store, "clerk", ["stock:read"]);
      expect((await find(store, "clerk"))?.permissions).toEqual(["stock:read"]);
      await save(store, "clerk");
      expect((await find(store, "clerk"))?.permissions).toEqual([]);
      expect((await find(store, "guard"))?.permissions).toEqual(["doors:open"]);
    });

    it("leaves a built-in role built in when what it grants changes", async () => {
      const store = await openStore();
      await save(store, "user", ["orders:read"]);
      expect(await find(store, "user")).toEqual({ name: "user", builtIn: true, permissions: ["orders:read"] });
    });

    it("refuses a permission twice, and keeps what was", async () => {
      const store = await openStore();
      await save(store, "clerk", ["orders:read"]);
      await expect(save(store, "clerk", ["stock:read", "stock:read"])).rejects.toThrow();
      expect((await find(store, "clerk"))?.permissions).toEqual(["orders:read"]);
    });

    it("finds nothing by a name that is none, nor in another case, nor by a pattern", async () => {
      const store = await openStore();
      expect(await Promise.all(["ghost", "Admin", "%", ""].map((name) => find(store, name)))).toEqual([
        null,
        null,
        null,
        null,
      ]);
    });

    it("tells whether all of many names are those of roles", async () => {
      const store = await openStore();
      const areAll = (...names: string[]) => store.read((db) => areRoles(db, names));
      expect(await areAll("user", "admin", "user")).toBe(true);
      expect(await areAll()).toBe(true);
      expect(await areAll("user", "ghost", "admin")).toBe(false);
      expect(await areAll("Admin")).toBe(false);
    });

    it("lists them in pages by the order of code points, each once", async () => {
      const store = await openStore();
      const names = ["a", "a-b", "a.b", "a0", "a_b", "aa", "ab", "b"];
      for (const name of names.toReversed()) await save(store, name);
      const listed: string[] = [];
      for (let after = ""; ; ) {
        const page = await store.read((db) => listRoles(db, { after, limit: 3 }));
        listed.push(...page.map(({ name }) => name));
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.name;
      }
      expect(listed).toEqual([...names, "admin", "user"].sort());
    });

    it("tells nothing of a buried role but when it was buried", async () => {
      const store = await openStore();
      await save(store, "clerk", ["orders:read"]);
      const buriedAt = await store.write(async (tx) => {
        await buryRole(tx, "clerk");
        return tx.now;
      });
      expect(await find(store, "clerk")).toBeNull();
      expect(await store.read((db) => areRoles(db, ["clerk"]))).toBe(false);
      expect((await store.read((db) => listRoles(db, { after: "", limit: 9 }))).map(({ name }) => name)).toEqual([
        "admin",
        "user",
      ]);
      expect(await store.read((db) => deletionTimeOf(db, "clerk"))).toBe(buriedAt);
      expect(await store.read((db) => deletionTimeOf(db, "admin"))).toBeNull();
      expect(await store.read((db) => deletionTimeOf(db, "ghost"))).toBeNull();
    });

    it("brings a buried role back with what it is to grant now, and nothing of before", async () => {
      const store = await openStore();
      await save(store, "clerk", ["orders:read"]);
      await store.write((tx) => buryRole(tx, "clerk"));
      await save(store, "clerk", ["stock:read"]);
      expect((await find(store, "clerk"))?.permissions).toEqual(["stock:read"]);
      expect(await store.read((db) => deletionTimeOf(db, "clerk"))).toBeNull();
    });

    it("counts those that are not buried", async () => {
      const store = await openStore();
      expect(await store.read(countRoles)).toBe(2);
      await save(store, "clerk");
      expect(await store.read(countRoles)).toBe(3);
      await store.write((tx) => buryRole(tx, "clerk"));
      expect(await store.read(countRoles)).toBe(2);
    });

    it("knows whether anybody holds one", async () => {
      const store = await openStore();
      await save(store, "clerk");
      const inUse = () => store.read((db) => isRoleInUse(db, "clerk"));
      expect(await inUse()).toBe(false);
      await store.write(async ({ db }) => {
        await insertUser(db, userRow("ada"));
        await replaceRoles(db, "ada", ["clerk"]);
      });
      expect(await inUse()).toBe(true);
      await store.write(({ db }) => replaceRoles(db, "ada", []));
      expect(await inUse()).toBe(false);
    });
  });
}
