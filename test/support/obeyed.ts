/** How long until a change holds somewhere else. */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";

/** A change made anywhere holds everywhere within this, in milliseconds: part of the contract. */
export const OBEYED_WITHIN_MS = 500;

const LOOK_MS = 10;
/** Of the time between two looks no more is counted, in milliseconds: it may have been the machine that stood still. */
const MOST_BETWEEN_MS = 150;

/** Makes a change and tells, with what it yields, the moment at which it was acknowledged. */
export async function acknowledged<T>(change: Promise<T>): Promise<{ readonly value: T; readonly at: number }> {
  const value = await change;
  return { value, at: performance.now() };
}

/** Looks again and again until `holds` says so; fails unless that was in time, counted from the acknowledgement. */
export async function expectObeyed(at: number, holds: () => Promise<boolean>): Promise<void> {
  let [lastAt, passedMs] = [at, 0];
  for (;;) {
    const begunAt = performance.now();
    passedMs += Math.min(begunAt - lastAt, MOST_BETWEEN_MS);
    lastAt = begunAt;
    if (await holds()) return;
    expect(passedMs, "milliseconds after which the change did not hold yet").toBeLessThan(OBEYED_WITHIN_MS);
    await pause(LOOK_MS);
  }
}
