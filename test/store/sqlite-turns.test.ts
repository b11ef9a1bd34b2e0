/** Writes do not keep everybody else waiting: the event loop turns between one group of them and the next. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";

/** As many as share a commit. */
const GROUP = 64;

let folder: string;
let store: Store;
/** Turns that the event loop has made. */
let turns = 0;
let isOver = false;

beforeEach(async () => {
  folder = temporaryFolder();
  store = await openSqliteStore({ file: join(folder, "sallyport.db"), clock: createFakeClock() });
  isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
});
afterEach(async () => {
  isOver = true;
  await store.close();
  rmSync(folder, { recursive: true });
});

/** The turn in which each of so many writes, asked for at once, was made; and that in which it was answered. */
async function writesInTurns(count: number): Promise<{ readonly made: number; readonly answered: number }[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const made = await store.write(async ({ db }) => {
        await db
          .insertInto("roles")
          .values({ name: `r${index}`, built_in: 0 })
          .execute();
        return turns;
      });
      return { made, answered: turns };
    }),
  );
}

function countBy(values: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()];
}

it("of writes that are asked for at once, no turn of the event loop makes more than a group", async () => {
  const writes = await writesInTurns(10 * GROUP);
  expect(Math.max(...countBy(writes.map(({ made }) => made)))).toBeLessThanOrEqual(GROUP);
  expect(writes.at(-1)?.made).toBeGreaterThanOrEqual((writes[0]?.made ?? 0) + 9);
});

it("whoever is in an earlier group is answered before a later one is made", async () => {
  const writes = await writesInTurns(3 * GROUP);
  const [first, last] = [writes[0], writes.at(-1)];
  expect(first?.answered).toBeLessThan(last?.made ?? 0);
});

it("writes that are asked for at once share their commits, all the same", async () => {
  const writes = await writesInTurns(GROUP);
  expect(countBy(writes.map(({ made }) => made))).toEqual([GROUP]);
});
