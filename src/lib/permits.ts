/** There are no permits left and the queue for them is full. Nothing was started. */
export class PermitsExhausted extends Error {
  constructor() {
    super("every permit is taken and the queue is full");
    this.name = "PermitsExhausted";
  }
}

/** So many pieces of work at once, so many waiting, no more. */
export type Permits = {
  /**
   * Runs `work` when a permit is free, in the order of the calls, and yields its outcome.
   *
   * Rejects with {@link PermitsExhausted} at once if the queue is full, and with the
   * signal's reason as soon as the signal aborts. Work that waits then never starts;
   * work that runs goes on, unheeded, and keeps its permit until it is done: the permit
   * belongs to the work, not to whoever asked for it.
   */
  readonly run: <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** How many pieces of work run now. */
  readonly running: () => number;
  /** How many wait now. */
  readonly waiting: () => number;
  /** How many were refused so far because the queue was full. */
  readonly refused: () => number;
};

/** A semaphore of `permits` permits with a first-in, first-out queue of `queue` places. */
export function createPermits({ permits, queue }: { permits: number; queue: number }): Permits {
  /** A set keeps the order of arrival, and lets anyone leave from the middle. */
  const waiters = new Set<() => void>();
  let running = 0;
  let refused = 0;

  /** Passes the permit straight on, so that nobody who comes later can take it first. */
  function release(): void {
    running -= 1;
    const [next] = waiters;
    if (next === undefined) return;
    waiters.delete(next);
    next();
  }

  async function occupy<T>(work: () => Promise<T>): Promise<T> {
    running += 1;
    try {
      return await work();
    } finally {
      release();
    }
  }

  function run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (running >= permits && waiters.size >= queue) {
        refused += 1;
        return reject(new PermitsExhausted());
      }
      const abandon = () => {
        waiters.delete(begin);
        reject(signal?.reason);
      };
      const begin = () => {
        const forget = () => signal?.removeEventListener("abort", abandon);
        occupy(work).then(resolve, reject).finally(forget);
      };
      signal?.addEventListener("abort", abandon, { once: true });
      if (running < permits) begin();
      else waiters.add(begin);
    });
  }

  return { run, running: () => running, waiting: () => waiters.size, refused: () => refused };
}
