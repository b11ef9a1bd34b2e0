import { expect, it, onTestFinished } from "vitest";
import { createLog } from "../../src/log.ts";
import { createReadiness } from "../../src/readiness.ts";

/** A readiness whose database answers so when it is asked for its newest time, and what the clock was told to heed. */
function startedOn(answer: () => Promise<number>) {
  const heeded: number[] = [];
  const readiness = createReadiness({
    readNewestTime: answer,
    guardedClock: null,
    countedClock: { behindMs: () => 0, ahead: () => null, heed: (newest) => void heeded.push(newest) },
    stalenessMs: () => 0,
    stalenessBoundMs: 10_000,
    isSealed: () => false,
    clock: { now: () => 1_000_000 },
    log: createLog({ level: "silent" }),
  });
  onTestFinished(readiness.stop);
  return { readiness, heeded };
}

it("A newest time that is on record is heeded", async () => {
  const { readiness, heeded } = startedOn(async () => 999_000);
  await readiness.start();
  expect(heeded).toEqual([999_000]);
  expect(readiness.isReady()).toBe(true);
});

it("What cannot be read is no record: the clock that counts on from one is not told that it is gone", async () => {
  const { readiness, heeded } = startedOn(() => Promise.reject(new Error("the disk is away")));
  await readiness.start();
  expect(heeded).toEqual([]);
  expect(readiness.isReady()).toBe(true);
});

it("A newest time that lies ahead makes it not ready, and is still known when it cannot be read again", async () => {
  const answers = [async () => 1_010_000, () => Promise.reject(new Error("the disk is away"))];
  const { readiness, heeded } = startedOn(() => answers.shift()?.() ?? Promise.reject(new Error("asked too often")));
  await readiness.start();
  expect(readiness.isReady()).toBe(false);
  await expect.poll(() => answers.length, { timeout: 5_000 }).toBe(0);
  expect(readiness.isReady()).toBe(false);
  expect(heeded).toEqual([1_010_000]);
});
