import { type Permits, PermitsExhausted } from "../lib/permits.ts";

/** {@link Permits} of one worker out of those that all share. */
export type SharedPermits = Permits & {
  /** One was granted. */
  readonly granted: () => void;
};

type SharedPermitsDeps = {
  /** Pieces of work that may run or wait here at once; more are refused. */
  readonly places: number;
  /** Asks for a permit, which is granted later. */
  readonly want: () => void;
  /** Gives one back. */
  readonly free: () => void;
};

/** Permits that somebody else grants, one by one. */
export function createSharedPermits({ places, want, free }: SharedPermitsDeps): SharedPermits {
  /** In the order of their arrival; anyone may leave from the middle. */
  const waiters = new Set<() => void>();
  let running = 0;
  let refused = 0;

  async function occupy<T>(work: () => Promise<T>): Promise<T> {
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      free();
    }
  }

  function run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (running + waiters.size >= places) {
        refused += 1;
        return reject(new PermitsExhausted());
      }
      // What was asked for on behalf of somebody who has left goes to the next one.
      const abandon = () => {
        waiters.delete(begin);
        reject(signal?.reason);
      };
      const begin = () => {
        const forget = () => signal?.removeEventListener("abort", abandon);
        occupy(work).then(resolve, reject).finally(forget);
      };
      signal?.addEventListener("abort", abandon, { once: true });
      waiters.add(begin);
      want();
    });
  }

  function granted(): void {
    const [next = free] = waiters;
    waiters.delete(next);
    next();
  }

  return { run, granted, running: () => running, waiting: () => waiters.size, refused: () => refused };
}
