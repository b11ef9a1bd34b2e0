import { beforeEach, describe, expect, it, vi } from "vitest";
import { createAlarm } from "../../src/lib/alarm.ts";

beforeEach(() => {
  vi.useFakeTimers();
  return () => void vi.useRealTimers();
});

const never = new AbortController().signal;

/** An alarm, and how often those who wait for it, again and again, were woken. */
function createScene(sleepers: number, atOnce = 64) {
  const alarm = createAlarm(atOnce, () => performance.now());
  let woken = 0;
  const sleep = async (): Promise<void> => {
    await alarm.next(60_000, never);
    woken += 1;
    return sleep();
  };
  for (let count = 0; count < sleepers; count += 1) void sleep();
  return { alarm, woken: () => woken };
}
const settle = async () => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

describe("An alarm", () => {
  it("wakes at once after a time of quiet, before anything else gets its turn", async () => {
    const { alarm, woken } = createScene(3);
    alarm.ring(100);
    await settle();
    expect(woken()).toBe(3);
  });

  it("makes one of all news that come within the gap", async () => {
    const { alarm, woken } = createScene(1);
    alarm.ring(100);
    await settle();
    for (let count = 0; count < 10; count += 1) {
      alarm.ring(100);
      await vi.advanceTimersByTimeAsync(9);
    }
    expect(woken()).toBe(1);
    await vi.advanceTimersByTimeAsync(10);
    expect(woken()).toBe(2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(woken()).toBe(2);
  });

  it("wakes some in each turn", async () => {
    const { alarm, woken } = createScene(10, 4);
    alarm.ring(0);
    await settle();
    expect(woken()).toBe(4);
    await vi.advanceTimersByTimeAsync(1);
    expect(woken()).toBe(10);
  });

  it("lets nobody sleep longer than was asked for, nor past an abort", async () => {
    const alarm = createAlarm(64, () => performance.now());
    const abort = new AbortController();
    let over = 0;
    void alarm.next(50, never).then(() => (over += 1));
    void alarm.next(10_000, abort.signal).then(() => (over += 1));
    await vi.advanceTimersByTimeAsync(50);
    expect(over).toBe(1);
    abort.abort();
    await settle();
    expect(over).toBe(2);
    await alarm.next(10_000, abort.signal);
    expect(vi.getTimerCount()).toBe(0);
  });
});
