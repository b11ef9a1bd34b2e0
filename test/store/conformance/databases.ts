import { onTestFinished } from "vitest";
import type { Store } from "../../../src/store/store.ts";

/** One database of an engine. */
export type TestDatabase = {
  /** Opens it, as one process of many would; the first time makes the schema. */
  readonly open: () => Promise<Store>;
  /** The present by the clock that its times come from, in milliseconds. */
  readonly now: () => Promise<number>;
  /** Removes it. Every store on it is closed. */
  readonly remove: () => Promise<void>;
};

/** Databases for tests, closed and removed when the test is over. */
export type Databases = {
  /** A store on a database of its own. */
  readonly openStore: () => Promise<Store>;
  /** A database of its own, which is made when it is first opened. */
  readonly make: () => Promise<TestDatabase>;
};

/** {@link Databases} of the engine whose databases `make` makes. */
export function createDatabases(make: () => Promise<TestDatabase>): Databases {
  async function makeForTest(): Promise<TestDatabase> {
    const database = await make();
    const stores: Store[] = [];
    onTestFinished(async () => {
      for (const store of stores) await store.close();
      await database.remove();
    });
    return {
      ...database,
      async open() {
        const store = await database.open();
        stores.push(store);
        return store;
      },
    };
  }
  return { make: makeForTest, openStore: async () => (await makeForTest()).open() };
}
