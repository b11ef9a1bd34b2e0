/**
 * How long to wait before another try: twice as long each time up to a bound, and each wait
 * a random part of its second half, so that many who lost the same server do not come back
 * as one ("equal jitter" of Brooker, "Exponential Backoff and Jitter", 2015).
 */
export type Backoff = {
  /** The next wait, in milliseconds. */
  readonly next: () => number;
  /** What was tried has worked. */
  readonly reset: () => void;
};

/** A {@link Backoff} from `firstMs` to `mostMs`; `random` gives numbers from 0 to less than 1. */
export function createBackoff(firstMs: number, mostMs: number, random: () => number): Backoff {
  let bound = firstMs;
  return {
    next() {
      const wait = bound / 2 + (random() * bound) / 2;
      bound = Math.min(mostMs, bound * 2);
      return wait;
    },
    reset() {
      bound = firstMs;
    },
  };
}
