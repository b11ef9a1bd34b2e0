/** Wakes all who wait for the same news, a few in each turn of the event loop, so that whoever else waits gets a turn too. */
export type Alarm = {
  /** Resolves at the next alarm, after `milliseconds`, or when the signal aborts. */
  readonly next: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /**
   * Wakes everybody who waits: at once, unless that was done less than `gapMs` ago; then as soon as that is over,
   * and news that come until then are one alarm.
   */
  readonly ring: (gapMs: number) => void;
};

/** An {@link Alarm} that wakes `atOnce` in one turn; `tick` gives milliseconds since any fixed moment. */
export function createAlarm(atOnce: number, tick: () => number): Alarm {
  const waiting = new Set<() => void>();
  let rings = false;
  let rangAt = Number.NEGATIVE_INFINITY;

  function wakeAll(): void {
    rings = false;
    rangAt = tick();
    wakeSome([...waiting], 0);
  }

  function wakeSome(sleepers: readonly (() => void)[], from: number): void {
    for (const wake of sleepers.slice(from, from + atOnce)) wake();
    if (from + atOnce < sleepers.length) setImmediate(wakeSome, sleepers, from + atOnce);
  }

  return {
    next(milliseconds, signal) {
      if (signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(wake, milliseconds);
        function wake(): void {
          clearTimeout(timer);
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        }
        waiting.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    },
    ring(gapMs) {
      if (rings) return;
      const waitMs = rangAt + gapMs - tick();
      if (waitMs <= 0) return wakeAll();
      rings = true;
      setTimeout(wakeAll, waitMs).unref();
    },
  };
}
