/** How long a verifier waits before it tries again, and how long its callers wait for it. */
import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createBackoff } from "../../src/verifier/backoff.ts";
import { createWaiters } from "../../src/verifier/waiters.ts";

describe("A backoff", () => {
  it("doubles up to its bound, begins anew when it is reset, and takes at least half of each wait", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { maxLength: 20 }), (numbers) => {
        const left = numbers.values();
        const backoff = createBackoff(100, 5_000, () => left.next().value ?? 0);
        for (const turn of [1, 2]) {
          for (let index = 0; index < numbers.length / turn; index += 1) {
            const bound = Math.min(5_000, 100 * 2 ** index);
            const wait = backoff.next();
            expect(wait).toBeGreaterThanOrEqual(bound / 2);
            expect(wait).toBeLessThan(bound);
          }
          backoff.reset();
        }
      }),
    );
  });

  it("spreads those who begin at the same time", () => {
    const waits = Array.from({ length: 100 }, () => createBackoff(100, 5_000, Math.random).next());
    expect(new Set(waits).size).toBeGreaterThan(90);
  });
});

describe("Those who wait", () => {
  const gone = (reason: string) => expect.objectContaining({ name: "VerifierUnavailable", reason });

  it("are let go as soon as somebody looks and it is so, and not before", async () => {
    const waiters = createWaiters();
    let isSo = false;
    let isOver = false;
    const waiting = waiters
      .until(() => isSo, "TOO_STALE", {})
      .then(() => {
        isOver = true;
      });
    waiters.look();
    await Promise.resolve();
    expect(isOver).toBe(false);
    isSo = true;
    waiters.look();
    await waiting;
    expect(isOver).toBe(true);
  });

  it("do not wait if it is so already", async () => {
    const waited = createWaiters().until(() => true, "TOO_STALE", { signal: AbortSignal.abort() });
    await expect(waited).resolves.toBeUndefined();
  });

  it("are sent away when their time is over, when they abort, and when all are", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const waiters = createWaiters();
    const abort = new AbortController();
    const late = waiters.until(() => false, "REVISION_NOT_REACHED", { timeoutMs: 50 });
    const aborted = waiters.until(() => false, "TOO_STALE", { timeoutMs: 50, signal: abort.signal });
    const dismissed = waiters.until(() => false, "TOO_STALE", { timeoutMs: 1_000 });
    const outcomes = Promise.allSettled([late, aborted, dismissed]);
    abort.abort();
    vi.advanceTimersByTime(50);
    waiters.dismiss();
    expect(await outcomes).toMatchObject([
      { reason: gone("REVISION_NOT_REACHED") },
      { reason: gone("TOO_STALE") },
      { reason: gone("UNAVAILABLE") },
    ]);
    expect(vi.getTimerCount()).toBe(0);
    await expect(waiters.until(() => true, "TOO_STALE", { timeoutMs: 50 })).rejects.toThrow(gone("UNAVAILABLE"));
    const aborting = createWaiters().until(() => false, "TOO_STALE", { signal: abort.signal });
    await expect(aborting).rejects.toThrow(gone("TOO_STALE"));
  });

  it("are a thousand at most", async () => {
    const waiters = createWaiters();
    const waiting = Array.from({ length: 1_000 }, () => waiters.until(() => false, "TOO_STALE", {}));
    await expect(waiters.until(() => false, "TOO_STALE", {})).rejects.toThrow(gone("TOO_STALE"));
    waiters.dismiss();
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome.status).toBe("rejected");
  });
});
