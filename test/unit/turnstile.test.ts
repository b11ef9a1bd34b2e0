import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { createTurnstile } from "../../src/server/turnstile.ts";

type Thing = { readonly lane: string; readonly item: number };

/** A turnstile for numbers, which tells what it began; those in `over` are never to begin. */
function counting(perTurn: number, over: ReadonlySet<number> = new Set(), next: "oldest" | "newest" = "oldest") {
  const begun: number[] = [];
  const take = createTurnstile<Thing>({
    perTurn,
    laneOf: ({ lane }) => lane,
    restingBy: null,
    next,
    begin: ({ item }) => void begun.push(item),
    isOver: ({ item }) => over.has(item),
  });
  const bring = (lane: string, items: readonly number[]) => {
    for (const item of items) take({ lane, item });
  };
  return { begun, bring };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test("what comes in one turn begins together, at its end", async () => {
  const { begun, bring } = counting(3);
  bring("a", [0, 1]);
  bring("b", [2]);
  expect(begun).toEqual([]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2]);
});

test("what does not fit waits for the turns that follow, in the order in which it came", async () => {
  const { begun, bring } = counting(3);
  bring("a", upTo(8));
  for (const count of [3, 6, 8]) {
    await nextTurn();
    expect(begun).toEqual(upTo(count));
  }
});

test("what comes while others of its lane wait begins after them", async () => {
  const { begun, bring } = counting(2);
  bring("a", upTo(5));
  await nextTurn();
  bring("a", [5]);
  await nextTurn();
  expect(begun).toEqual(upTo(4));
  await nextTurn();
  expect(begun).toEqual(upTo(6));
});

test("whoever brings one thing does not wait for all that others have brought before", async () => {
  const { begun, bring } = counting(3);
  bring("crowd", upTo(20));
  bring("crowd too", [20, 21, 22]);
  bring("alone", [99]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2]);
  await nextTurn();
  expect(begun.slice(3)).toEqual([3, 20, 99]);
  await nextTurn();
  expect(begun.slice(6)).toEqual([4, 21, 5]);
  await nextTurn();
  expect(begun.slice(9)).toEqual([22, 6, 7]);
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  expect(begun.toSorted((a, b) => a - b)).toEqual([...upTo(23), 99]);
});

test("a newcomer is heard in the turn after a crowd's", async () => {
  const { begun, bring } = counting(3);
  bring("crowd", upTo(20));
  await nextTurn();
  bring("alone", [99]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3, 99, 4]);
});

test("where the newest comes next, a crowd of the same lane keeps no newcomer waiting", async () => {
  const { begun, bring } = counting(2, new Set(), "newest");
  bring("a", upTo(6));
  await nextTurn();
  bring("a", [99]);
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  expect(begun).toEqual([0, 1, 99, 5, 4, 3, 2]);
});

test("who came before a crowd goes before it, also where the newest comes next", async () => {
  const { begun, bring } = counting(2, new Set(), "newest");
  bring("a", [99]);
  bring("a", upTo(6));
  await nextTurn();
  expect(begun).toEqual([99, 0]);
});

test("each turn has its whole share, whatever the turns before used up of theirs", async () => {
  const { begun, bring } = counting(3);
  for (const count of [2, 4, 6]) {
    bring("a", [count - 2, count - 1]);
    await nextTurn();
    expect(begun).toEqual(upTo(count));
  }
  bring("a", [6, 7, 8, 9, 10]);
  await nextTurn();
  await nextTurn();
  expect(begun).toEqual(upTo(11));
  await nextTurn();
  bring("a", [11, 12, 13]);
  await nextTurn();
  expect(begun).toEqual(upTo(14));
});

test("what is over before its turn never begins, and takes no share of it", async () => {
  const over = new Set([0]);
  const { begun, bring } = counting(2, over);
  bring("a", upTo(8));
  await nextTurn();
  expect(begun).toEqual([1, 2]);
  for (const item of [3, 4, 5]) over.add(item);
  await nextTurn();
  expect(begun).toEqual([1, 2, 6, 7]);
});

test("what is over by the end of the turn that brings it never begins", async () => {
  const over = new Set<number>();
  const { begun, bring } = counting(3, over);
  bring("a", [0, 1]);
  over.add(0);
  await nextTurn();
  expect(begun).toEqual([1]);
});

test("a lane of which all is over takes no share either, and is gone", async () => {
  const over = new Set<number>();
  const { begun, bring } = counting(1, over);
  bring("a", [0, 1, 2]);
  bring("b", [3]);
  await nextTurn();
  expect(begun).toEqual([0]);
  for (const item of [1, 2]) over.add(item);
  await nextTurn();
  expect(begun).toEqual([0, 3]);
  bring("a", [4]);
  await nextTurn();
  expect(begun).toEqual([0, 3, 4]);
});

test("what is over is let go while others wait that came later and go before it", async () => {
  const over = new Set<number>();
  const begun: number[] = [];
  const looked: number[] = [];
  const take = createTurnstile<number>({
    perTurn: 1,
    laneOf: () => "a",
    restingBy: null,
    next: "newest",
    begin: (item) => void begun.push(item),
    isOver(item) {
      looked.push(item);
      return over.has(item);
    },
  });
  for (const item of upTo(6)) take(item);
  await nextTurn();
  for (const item of [1, 2, 3]) over.add(item);
  take(6);
  await nextTurn();
  expect(begun).toEqual([0, 6]);
  looked.length = 0;
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  expect(begun).toEqual([0, 6, 5, 4]);
  // Nobody asks about the others again: they are not there any more.
  expect(looked).toEqual([5, 4]);
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
  const take = createTurnstile<number>({
    perTurn: 2,
    laneOf: () => "a",
    restingBy: () => now,
    next: "oldest",
    begin,
    isOver: () => false,
  });
  return { begun, take, pass };
}

function withFakeTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

test("where turns rest, as much time passes before the next as one took", async () => {
  withFakeTimers();
  const { begun, take } = resting(20);
  for (const item of upTo(6)) take(item);
  await nextTurn();
  for (const count of [2, 4]) {
    await nextTurn();
    vi.advanceTimersByTime(39);
    expect(begun).toEqual(upTo(count));
    vi.advanceTimersByTime(1);
    expect(begun).toEqual(upTo(count + 2));
  }
});

/** One that has rested, and has just let the last of those begin who waited: the turn of the event loop is not over. */
async function rested() {
  withFakeTimers();
  const turnstile = resting(20);
  for (const item of upTo(4)) turnstile.take(item);
  await nextTurn();
  await nextTurn();
  vi.advanceTimersByTime(40);
  expect(turnstile.begun).toEqual(upTo(4));
  return turnstile;
}

test("a turn that leaves nobody waiting is followed by no rest", async () => {
  const { begun, take } = await rested();
  await nextTurn();
  take(4);
  await nextTurn();
  expect(begun).toEqual(upTo(5));
});

test("who comes in a turn in which all others begin waits for its rest, too", async () => {
  const { begun, take } = await rested();
  take(4);
  await nextTurn();
  vi.advanceTimersByTime(39);
  expect(begun).toEqual(upTo(4));
  vi.advanceTimersByTime(1);
  expect(begun).toEqual(upTo(5));
});

test("no rest is longer than a tenth of a second: it may have been the machine that stood still", async () => {
  withFakeTimers();
  const { begun, take, pass } = resting(0);
  for (const item of upTo(4)) take(item);
  await nextTurn();
  pass(3_600_000);
  await nextTurn();
  vi.advanceTimersByTime(99);
  expect(begun).toEqual(upTo(2));
  vi.advanceTimersByTime(1);
  expect(begun).toEqual(upTo(4));
});
