import { expect, it } from "vitest";
import { createChance } from "./support/chance.ts";
import { EXPERIENCES, live } from "./support/model/lives.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

it(
  "Two instances on one SQLite file answer as the reference does, whatever is asked of them in whatever order",
  async () => {
    const diary = await live("SQLite", {
      runs: scaled({ full: 150, short: 10 }),
      most: scaled({ full: 100, short: 60 }),
      seed: createChance("model on SQLite").seed,
      forMs: FAULT_TEST_MS / 2,
    });
    // The property says nothing of what no run came across.
    expect([...diary]).toEqual(expect.arrayContaining([...scaled(EXPERIENCES)]));
  },
  FAULT_TEST_MS,
);
