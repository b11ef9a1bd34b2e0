import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { findUser, insertUser } from "../../../src/store/queries/users.ts";
import type { Queries } from "../../../src/store/store.ts";
import type { Databases } from "./databases.ts";
import { userRow } from "./rows.ts";

async function migrationsOf(db: Queries): Promise<readonly unknown[]> {
  const { rows } = await sql`select name, timestamp from kysely_migration order by name`.execute(db);
  return rows;
}

/** Opening, the schema, closing. */
export function describeOpening({ make, openStore }: Databases): void {
  describe("when it is opened and closed", () => {
    it("makes the schema once, however often it is opened", async () => {
      const database = await make();
      const first = await database.open();
      const made = await first.read(migrationsOf);
      await first.write(({ db }) => insertUser(db, userRow("ada")));
      await first.close();
      const second = await database.open();
      expect(made).not.toEqual([]);
      expect(await second.read(migrationsOf)).toEqual(made);
      expect(await second.read((db) => findUser(db, "id", "ada"))).not.toBeNull();
    });

    it("refuses a schema from the future, says what to do, and leaves it as it is", async () => {
      const database = await make();
      const store = await database.open();
      await store.write(({ db }) => sql`insert into kysely_migration values ('9999-later', 'then')`.execute(db));
      const before = await store.read(migrationsOf);
      await expect(database.open()).rejects.toMatchObject({
        name: "UnusableSchema",
        message: expect.stringMatching(/newer version of Sallyport \(9999-later\).*run that version/),
      });
      expect(await store.read(migrationsOf)).toEqual(before);
    });

    it("waits, when it closes, for what is under way", async () => {
      const database = await make();
      const store = await database.open();
      const over: string[] = [];
      const write = store.write(({ db }) => insertUser(db, userRow("ada"))).then(() => over.push("write"));
      const read = store.read((db) => findUser(db, "id", "ada")).then(() => over.push("read"));
      await store.close();
      expect([...over].sort()).toEqual(["read", "write"]);
      await Promise.all([write, read]);
      const again = await database.open();
      expect(await again.read((db) => findUser(db, "id", "ada"))).not.toBeNull();
    });

    it("refuses whatever comes after with UNAVAILABLE, without beginning it", async () => {
      const store = await openStore();
      await store.close();
      let begun = 0;
      const work = async () => {
        begun += 1;
      };
      await expect(store.read(work)).rejects.toMatchObject({ reason: "UNAVAILABLE" });
      await expect(store.write(work)).rejects.toMatchObject({ reason: "UNAVAILABLE" });
      expect(begun).toBe(0);
    });

    it("refuses what comes while it closes, too", async () => {
      const store = await openStore();
      const write = store.write(({ db }) => insertUser(db, userRow("ada")));
      const closing = store.close();
      await expect(store.write(({ db }) => insertUser(db, userRow("bob")))).rejects.toMatchObject({
        reason: "UNAVAILABLE",
      });
      await Promise.all([write, closing]);
    });

    it("can be closed twice", async () => {
      const store = await openStore();
      await store.close();
      await expect(store.close()).resolves.toBeUndefined();
    });
  });
}
