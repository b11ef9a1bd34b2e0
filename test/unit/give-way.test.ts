/** When work on other threads waits for the event loop; the loop and its time are the test's. */
import { beforeEach, describe, expect, it } from "vitest";
import { givingWay } from "../../src/lib/give-way.ts";
import { createPermits, PermitsExhausted } from "../../src/lib/permits.ts";

let now: number;
let idle: number;
let pauses: number[];
let duringPause: (signal: AbortSignal | undefined) => Promise<void>;

beforeEach(() => {
  [now, idle, pauses, duringPause] = [0, 0, [], async () => {}];
});

/** Lets time pass, of which the loop is busy for a share. */
function pass(ms: number, busy: number): void {
  now += ms;
  idle += ms * (1 - busy);
}

const loop = {
  time: () => ({ idle, active: now - idle }),
  tick: () => now,
  async pause(ms: number, signal?: AbortSignal) {
    pauses.push(ms);
    pass(ms, 1);
    await duringPause(signal);
  },
};

const permitsOf = (permits = 1, queue = 16) => givingWay(createPermits({ permits, queue }), loop);
/** Work that takes so long, while the loop is busy for a share of it. */
const workOf = (ms: number, busy: number) => async () => pass(ms, busy);

describe("While the loop is full", () => {
  it("each piece of work waits as long as the last one took, but for the first", async () => {
    const permits = permitsOf();
    await permits.run(workOf(20, 1));
    await permits.run(workOf(30, 1));
    await permits.run(workOf(25, 0.96));
    await permits.run(workOf(20, 1));
    expect(pauses).toEqual([20, 30, 25]);
  });

  it("none waits longer than a tenth of a second", async () => {
    const permits = permitsOf();
    await permits.run(workOf(400, 1));
    await permits.run(workOf(400, 1));
    expect(pauses).toEqual([100]);
  });

  it("work that is shorter than any timer does not wait", async () => {
    const permits = permitsOf();
    for (let count = 0; count < 10; count += 1) await permits.run(workOf(1, 1));
    expect(pauses).toEqual([]);
  });

  it("work that failed is told of, and what it took does not count", async () => {
    const permits = permitsOf();
    await permits.run(workOf(30, 1));
    const failing = async () => {
      pass(1, 1);
      throw new Error("no memory");
    };
    await expect(permits.run(failing)).rejects.toThrow("no memory");
    expect(await permits.run(async () => "done")).toBe("done");
    expect(pauses).toEqual([30, 30]);
  });

  it.each([
    ["full", 1, [20, 20]],
    ["not full", 0, []],
  ])("two that begin together see the same loop: %s", async (_what, busy, expected) => {
    const permits = permitsOf(2);
    await permits.run(workOf(20, busy));
    const ends: (() => void)[] = [];
    const hold = () => new Promise<void>((resolve) => ends.push(resolve));
    duringPause = hold;
    // Between the two the loop is as it is while one is begun: busy, for a moment.
    const first = permits.run(hold);
    pass(1, 1);
    const second = permits.run(hold);
    expect(pauses).toEqual(expected);
    duringPause = async () => {};
    while (ends.length > 0) {
      ends.shift()?.();
      await new Promise(setImmediate);
    }
    await Promise.all([first, second]);
  });

  it("whoever leaves meanwhile has no work done for nobody, and the permit is free", async () => {
    const permits = permitsOf();
    await permits.run(workOf(20, 1));
    const leaving = new AbortController();
    duringPause = async (signal) => {
      leaving.abort(new Error("gone"));
      signal?.throwIfAborted();
    };
    let isDone = false;
    const work = async () => {
      isDone = true;
    };
    await expect(permits.run(work, leaving.signal)).rejects.toThrow("gone");
    duringPause = async () => {};
    expect(await permits.run(async () => "next")).toBe("next");
    expect(isDone).toBe(false);
  });
});

describe("While the loop has time to spare", () => {
  it.each([0, 0.5, 0.94])("no work waits: busy for %d of the time", async (busy) => {
    const permits = permitsOf();
    for (let count = 0; count < 5; count += 1) await permits.run(workOf(20, busy));
    expect(pauses).toEqual([]);
  });

  it("what was before the last piece of work does not count", async () => {
    const permits = permitsOf();
    await permits.run(workOf(20, 1));
    await permits.run(workOf(1000, 0));
    await permits.run(workOf(20, 0));
    await permits.run(workOf(20, 0));
    expect(pauses).toEqual([20]);
  });
});

it("There is as much room as there was", async () => {
  const permits = permitsOf(1, 1);
  let finish = () => {};
  const first = permits.run(() => new Promise<void>((resolve) => (finish = resolve)));
  expect(permits.hasRoom()).toBe(true);
  const second = permits.run(workOf(1, 0));
  expect(permits.hasRoom()).toBe(false);
  await expect(permits.run(workOf(1, 0))).rejects.toThrow(PermitsExhausted);
  finish();
  await Promise.all([first, second]);
});
