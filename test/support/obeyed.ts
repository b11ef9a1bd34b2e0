/** How long until a change holds somewhere else. */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";

/** A change made anywhere holds everywhere within this, in milliseconds: part of the contract. */
export const OBEYED_WITHIN_MS = 500;

const LOOK_MS = 10;
/** How late this process's timers may be before it counts as standing still, in milliseconds. */
const LATE_MS = 20;
/** No more than that is excused, in milliseconds. */
const MOST_EXCUSED_MS = 3_000;

/** Makes a change and tells, with what it yields, the moment at which it was acknowledged. */
export async function acknowledged<T>(change: Promise<T>): Promise<{ readonly value: T; readonly at: number }> {
  const value = await change;
  return { value, at: performance.now() };
}

/** Looks again and again until `holds` says so; fails unless that was in time, counted from the acknowledgement. */
export async function expectObeyed(at: number, holds: () => Promise<boolean>): Promise<void> {
  const standstill = watchForStandstills();
  try {
    for (;;) {
      const begunAt = performance.now();
      const excusedMs = Math.min(standstill.totalMs(), MOST_EXCUSED_MS);
      if (await holds()) return;
      expect(begunAt - at - excusedMs, "milliseconds after which the change did not hold yet").toBeLessThan(
        OBEYED_WITHIN_MS,
      );
      await pause(LOOK_MS);
    }
  } finally {
    standstill.stop();
  }
}

/** How long this process stood still from now on, or the machine with it, as its timers tell. */
function watchForStandstills() {
  let [lastAt, stoodMs] = [performance.now(), 0];
  const lateMs = () => Math.max(0, performance.now() - lastAt - LOOK_MS - LATE_MS);
  const timer = setInterval(() => {
    stoodMs += lateMs();
    lastAt = performance.now();
  }, LOOK_MS);
  return { totalMs: () => stoodMs + lateMs(), stop: () => clearInterval(timer) };
}
