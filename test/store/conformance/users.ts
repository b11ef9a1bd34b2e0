import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import {
  findUser,
  insertUser,
  isHeldByAnother,
  listUsers,
  lockUser,
  raiseEpoch,
  replaceHash,
  replaceRoles,
  setPasswordHash,
  setState,
  takenName,
} from "../../../src/store/queries/users.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { THEN, userRow } from "./rows.ts";

type Columns = Parameters<typeof userRow>[1];

function add(store: Store, id: string, columns: Columns = {}, roles: readonly string[] = []): Promise<void> {
  return store.write(async ({ db }) => {
    await insertUser(db, userRow(id, columns));
    await replaceRoles(db, id, roles);
  });
}

/** Users and the roles they hold. */
export function describeUsers({ openStore }: Databases): void {
  describe("of users", () => {
    it("gives back what was stored, by id, by name and by address", async () => {
      const store = await openStore();
      const row = userRow("ada", { email: "ada@example.com", create_time: THEN + 1, epoch: 2 ** 40 });
      await store.write(({ db }) => insertUser(db, row));
      const user = { ...row, roles: [] };
      expect(await store.read((db) => findUser(db, "id", "ada"))).toEqual(user);
      expect(await store.read((db) => findUser(db, "username", "ada"))).toEqual(user);
      expect(await store.read((db) => findUser(db, "email", "ada@example.com"))).toEqual(user);
      expect(await store.write((tx) => lockUser(tx, "ada"))).toEqual(user);
    });

    it("finds nobody by another value, nor by a value of another column, nor in another case", async () => {
      const store = await openStore();
      await add(store, "ada", { username: "lovelace", email: "ada@example.com" });
      expect(await store.read((db) => findUser(db, "id", "lovelace"))).toBeNull();
      expect(await store.read((db) => findUser(db, "username", "ada"))).toBeNull();
      expect(await store.read((db) => findUser(db, "username", "LOVELACE"))).toBeNull();
      expect(await store.read((db) => findUser(db, "email", "%"))).toBeNull();
      expect(await store.write((tx) => lockUser(tx, "lovelace"))).toBeNull();
    });

    it.each([
      ["id", userRow("ada", { username: "other" })],
      ["user name", userRow("eve", { username: "ada" })],
      ["e-mail address", userRow("eve", { email: "ada@example.com" })],
    ])("refuses a second user of the same %s", async (_, row) => {
      const store = await openStore();
      await add(store, "ada", { email: "ada@example.com" });
      await expect(store.write(({ db }) => insertUser(db, row))).rejects.toThrow();
      expect(await store.read((db) => listUsers(db, { after: "", limit: 9, role: "" }))).toHaveLength(1);
    });

    it("lets many have no e-mail address", async () => {
      const store = await openStore();
      await add(store, "ada");
      await expect(add(store, "bob")).resolves.toBeUndefined();
    });

    it("says which of two names belongs to someone, the user name first", async () => {
      const store = await openStore();
      await add(store, "ada", { email: "ada@example.com" });
      await add(store, "bob");
      const taken = (username: string, email: string | null) => store.read((db) => takenName(db, username, email));
      expect(await taken("ada", "ada@example.com")).toBe("username");
      expect(await taken("eve", "ada@example.com")).toBe("email");
      expect(await taken("eve", "eve@example.com")).toBeNull();
      expect(await taken("eve", null)).toBeNull();
    });

    it("replaces all roles of a user and of nobody else, and tells them in alphabetical order", async () => {
      const store = await openStore();
      await add(store, "ada", {}, ["admin"]);
      await add(store, "bob", {}, ["admin"]);
      const rolesAfter = (roles: readonly string[]) =>
        store.write(async ({ db }) => {
          await replaceRoles(db, "ada", roles);
          return (await findUser(db, "id", "ada"))?.roles;
        });
      expect(await rolesAfter(["user", "admin"])).toEqual(["admin", "user"]);
      expect(await rolesAfter(["user"])).toEqual(["user"]);
      expect(await rolesAfter([])).toEqual([]);
      expect((await store.read((db) => findUser(db, "id", "bob")))?.roles).toEqual(["admin"]);
    });

    it.each([
      ["a role that is none", "ada", ["user", "ghost"]],
      ["a user that is none", "eve", ["user"]],
      ["a role twice", "ada", ["user", "user"]],
    ])("refuses to assign %s, and keeps what was", async (_, id, roles) => {
      const store = await openStore();
      await add(store, "ada", {}, ["admin"]);
      await expect(store.write(({ db }) => replaceRoles(db, id, roles))).rejects.toThrow();
      expect((await store.read((db) => findUser(db, "id", "ada")))?.roles).toEqual(["admin"]);
    });

    it("lists them by id in pages, each once, with their roles", async () => {
      const store = await openStore();
      for (const id of ["u3", "u1", "u5", "u4", "u2"])
        await add(store, id, { username: `n${9 - Number(id[1])}` }, ["user"]);
      const page = (after: string) => store.read((db) => listUsers(db, { after, limit: 2, role: "" }));
      const pages = [await page(""), await page("u2"), await page("u4"), await page("u5")];
      expect(pages.map((users) => users.map(({ id }) => id))).toEqual([["u1", "u2"], ["u3", "u4"], ["u5"], []]);
      expect(pages.flat().every(({ roles }) => roles.join() === "user")).toBe(true);
    });

    it("lists only the holders of a role if one is named", async () => {
      const store = await openStore();
      await add(store, "u1", {}, ["admin", "user"]);
      await add(store, "u2", {}, ["user"]);
      await add(store, "u3", {}, ["admin"]);
      const holders = async (role: string, after = "") =>
        (await store.read((db) => listUsers(db, { after, limit: 9, role }))).map(({ id }) => id);
      expect(await holders("admin")).toEqual(["u1", "u3"]);
      expect(await holders("admin", "u1")).toEqual(["u3"]);
      expect(await holders("ghost")).toEqual([]);
    });

    it("raises an epoch by one and tells what it is, and throws if there is no such user", async () => {
      const store = await openStore();
      await add(store, "ada");
      expect(await store.write(({ db }) => raiseEpoch(db, "ada"))).toBe(2);
      expect(await store.write(({ db }) => raiseEpoch(db, "ada"))).toBe(3);
      await expect(store.write(({ db }) => raiseEpoch(db, "eve"))).rejects.toThrow();
    });

    it("replaces a hash only where it is still the one that was checked", async () => {
      const store = await openStore();
      await add(store, "ada", { password_hash: "old" });
      await add(store, "bob", { password_hash: "old" });
      const hashes = async () =>
        (await store.read((db) => listUsers(db, { after: "", limit: 9, role: "" }))).map((user) => user.password_hash);
      await store.write(({ db }) => replaceHash(db, "ada", "older", "rehash of older"));
      expect(await hashes()).toEqual(["old", "old"]);
      await store.write(({ db }) => replaceHash(db, "ada", "old", "new"));
      expect(await hashes()).toEqual(["new", "old"]);
      await store.write(({ db }) => replaceHash(db, "ada", "old", "rehash of old"));
      expect(await hashes()).toEqual(["new", "old"]);
    });

    it("sets a hash and a state of one user, whatever they were, and of nobody else", async () => {
      const store = await openStore();
      await add(store, "ada");
      await add(store, "bob");
      await store.write(async ({ db }) => {
        await setPasswordHash(db, "ada", "new");
        await setState(db, "ada", "disabled");
        await setState(db, "eve", "disabled");
      });
      expect(await store.read((db) => listUsers(db, { after: "", limit: 9, role: "" }))).toEqual([
        { ...userRow("ada", { password_hash: "new", state: "disabled" }), roles: [] },
        { ...userRow("bob"), roles: [] },
      ]);
    });

    it("knows whether another active user holds a role", async () => {
      const store = await openStore();
      await add(store, "ada", {}, ["admin"]);
      await add(store, "bob", { state: "disabled" }, ["admin"]);
      await add(store, "cyd", {}, ["user"]);
      const heldByAnother = (role: string, id: string) => store.read((db) => isHeldByAnother(db, role, id));
      expect(await heldByAnother("admin", "ada")).toBe(false);
      expect(await heldByAnother("admin", "bob")).toBe(true);
      expect(await heldByAnother("ghost", "ada")).toBe(false);
    });

    it("refuses a state that is none", async () => {
      const store = await openStore();
      await add(store, "ada");
      await expect(store.write(({ db }) => sql`update users set state = 'asleep'`.execute(db))).rejects.toThrow();
      expect((await store.read((db) => findUser(db, "id", "ada")))?.state).toBe("active");
    });
  });
}
