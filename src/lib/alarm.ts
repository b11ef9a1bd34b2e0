/** Wakes all who wait for the same news, a few in each turn of the event loop, so that whoever else waits gets a turn too. */
export type Alarm = {
  /** Resolves at the next alarm, after `milliseconds`, or when the signal aborts. */
  readonly next: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Wakes everybody who waits once `delayMs` are over; news that come until then are one alarm. */
  readonly ring: (delayMs: number) => void;
};

/** An {@link Alarm} that wakes `atOnce` in one turn. */
export function createAlarm(atOnce: number): Alarm {
  const waiting = new Set<() => void>();
  let rings = false;

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
    ring(delayMs) {
      if (rings) return;
      rings = true;
      setTimeout(() => {
        rings = false;
        wakeSome([...waiting], 0);
      }, delayMs).unref();
    },
  };
}
