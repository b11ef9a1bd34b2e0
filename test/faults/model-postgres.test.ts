import { expect, it } from "vitest";
import { createChance } from "./support/chance.ts";
import { EXPERIENCES, live } from "./support/model/lives.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

it(
  "Two instances on one PostgreSQL answer as the reference does, whatever is asked of them in whatever order",
  async () => {
    const diary = await live("PostgreSQL", {
      runs: scaled({ full: 60, short: 4 }),
      most: scaled({ full: 100, short: 60 }),
      seed: createChance("model on PostgreSQL").seed,
      forMs: FAULT_TEST_MS / 2,
    });
    // The property says nothing of what no run came across.
    expect([...diary]).toEqual(expect.arrayContaining([...scaled(EXPERIENCES)]));
  },
  FAULT_TEST_MS,
);
