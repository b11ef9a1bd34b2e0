import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { createTurnstile } from "../../src/server/turnstile.ts";

/** A turnstile for numbers, which tells what it began; those in `over` are never to begin. */
function counting(perTurn: number, over: ReadonlySet<number> = new Set(), next: "oldest" | "newest" = "oldest") {
  const begun: number[] = [];
  const take = createTurnstile<string, number>({
    perTurn,
    restingBy: null,
    next,
    begin: (item) => void begun.push(item),
    isOver: (item) => over.has(item),
  });
  return { begun, take, bring: (lane: string, items: readonly number[]) => items.map((item) => take(lane, item)) };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test("what fits into a turn begins at once", () => {
  const { begun, bring } = counting(3);
  expect(bring("a", upTo(3))).toEqual([true, true, true]);
  expect(begun).toEqual([0, 1, 2]);
});

test("what does not waits for the turns that follow, in the order in which it came", async () => {
  const { begun, bring } = counting(3);
  expect(bring("a", upTo(8)).filter(Boolean)).toHaveLength(3);
  await nextTurn();
  expect(begun).toEqual(upTo(6));
  await nextTurn();
  expect(begun).toEqual(upTo(8));
});

test("what comes while others of its lane wait begins after them", async () => {
  const { begun, bring, take } = counting(2);
  bring("a", upTo(5));
  await nextTurn();
  expect(take("a", 5)).toBe(false);
  await nextTurn();
  await nextTurn();
  expect(begun).toEqual(upTo(6));
});

test("whoever brings one thing does not wait for all that others have brought before", async () => {
  const { begun, bring } = counting(3);
  bring("crowd", upTo(20));
  bring("crowd too", [20, 21, 22]);
  expect(bring("alone", [99])).toEqual([false]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3, 20, 99]);
  await nextTurn();
  expect(begun.slice(6)).toEqual([4, 21, 5]);
  await nextTurn();
  expect(begun.slice(9)).toEqual([22, 6, 7]);
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  expect(begun.toSorted((a, b) => a - b)).toEqual([...upTo(23), 99]);
});

test("where the newest comes next, a crowd of the same lane keeps no newcomer waiting", async () => {
  const { begun, bring, take } = counting(2, new Set(), "newest");
  bring("a", upTo(6));
  take("a", 99);
  await nextTurn();
  expect(begun).toEqual([0, 1, 99, 5]);
  await nextTurn();
  await nextTurn();
  expect(begun).toEqual([0, 1, 99, 5, 4, 3, 2]);
});

test("a turn later the whole share is there again", async () => {
  const { begun, take } = counting(2);
  for (const item of upTo(6)) {
    expect(take("a", item)).toBe(true);
    if (item % 2 === 1) await nextTurn();
  }
  expect(begun).toEqual(upTo(6));
});

test("what is over before its turn never begins, and takes no share of it", async () => {
  const over = new Set([0]);
  const { begun, bring } = counting(2, over);
  expect(bring("a", upTo(8))).toEqual([false, true, true, false, false, false, false, false]);
  for (const item of [3, 4, 5]) over.add(item);
  await nextTurn();
  expect(begun).toEqual([1, 2, 6, 7]);
});

test("a lane of which all is over takes no share either, and is gone", async () => {
  const over = new Set<number>();
  const { begun, bring } = counting(1, over);
  bring("a", [0, 1, 2]);
  bring("b", [3]);
  for (const item of [1, 2]) over.add(item);
  await nextTurn();
  expect(begun).toEqual([0, 3]);
  await nextTurn();
  expect(bring("a", [4])).toEqual([true]);
});

/** A turnstile of two a turn that rests, for things of which each takes so long. */
function resting(eachMs: number) {
  let now = 0;
  const begun: number[] = [];
  const pass = (ms: number) => {
    now += ms;
  };
  const begin = (item: number) => {
    begun.push(item);
    pass(eachMs);
  };
  const take = createTurnstile<string, number>({
    perTurn: 2,
    restingBy: () => now,
    next: "oldest",
    begin,
    isOver: () => false,
  });
  return { begun, take, pass };
}

test("where turns rest, as much time passes before the next as one took", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const { begun, take } = resting(20);
  for (const item of upTo(6)) take("a", item);
  for (const [count, restMs] of [
    [2, 20],
    [4, 40],
  ] as const) {
    await nextTurn();
    vi.advanceTimersByTime(restMs - 1);
    expect(begun).toEqual(upTo(count));
    vi.advanceTimersByTime(1);
    expect(begun).toEqual(upTo(count + 2));
  }
});

test("those who came long ago make no rest longer, and none is long: a crowd after a quiet hour waits for a moment", async () => {
  const { begun, take, pass } = resting(0);
  take("a", 0);
  pass(3_600_000);
  for (const item of [1, 2, 3]) take("a", item);
  // As if the machine had stood still.
  pass(3_600_000);
  await pause(300);
  expect(begun).toEqual(upTo(4));
});
