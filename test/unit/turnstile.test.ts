import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createTurnstile } from "../../src/server/turnstile.ts";

/** A turnstile for numbers, which tells what it began; those in `over` are never to begin. */
function counting(perTurn: number, over: ReadonlySet<number> = new Set()) {
  const begun: number[] = [];
  const take = createTurnstile<number>({
    perTurn,
    begin: (item) => void begun.push(item),
    isOver: (item) => over.has(item),
  });
  return { begun, take };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test("what fits into a turn begins at once", () => {
  const { begun, take } = counting(3);
  expect(upTo(3).map(take)).toEqual([true, true, true]);
  expect(begun).toEqual([0, 1, 2]);
});

test("what does not waits for the turns that follow, in the order in which it came", async () => {
  const { begun, take } = counting(3);
  expect(upTo(8).map(take).filter(Boolean)).toHaveLength(3);
  await nextTurn();
  expect(begun).toEqual(upTo(6));
  await nextTurn();
  expect(begun).toEqual(upTo(8));
});

test("what comes while others wait begins after them", async () => {
  const { begun, take } = counting(2);
  upTo(5).map(take);
  await nextTurn();
  expect(take(5)).toBe(false);
  await nextTurn();
  await nextTurn();
  expect(begun).toEqual(upTo(6));
});

test("a turn later the whole share is there again", async () => {
  const { begun, take } = counting(2);
  for (const item of upTo(6)) {
    expect(take(item)).toBe(true);
    if (item % 2 === 1) await nextTurn();
  }
  expect(begun).toEqual(upTo(6));
});

test("what is over before its turn never begins, and takes no share of it", async () => {
  const over = new Set([0]);
  const { begun, take } = counting(2, over);
  expect(upTo(8).map(take)).toEqual([false, true, true, false, false, false, false, false]);
  for (const item of [3, 4, 5]) over.add(item);
  await nextTurn();
  expect(begun).toEqual([1, 2, 6, 7]);
});
