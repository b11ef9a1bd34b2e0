/** Tells the time. Handed to whatever needs it, so that tests can hold it still. */
export type Clock = {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now: () => number;
};

/** How far apart clocks may be without anybody minding, in milliseconds. */
export const TOLERANCE_MS = 5_000;

/**
 * How far a clock is ahead of another at least, in milliseconds, negative if it is behind: of the other it was asked
 * `time` between `askedAt` and `answeredAt`.
 */
export function aheadOf(time: number, askedAt: number, answeredAt: number): number {
  return askedAt > time ? askedAt - time : Math.min(0, answeredAt - time);
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now() };
