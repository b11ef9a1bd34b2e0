/** Tells the time. Handed to whatever needs it, so that tests can hold it still. */
export type Clock = {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now: () => number;
};

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now() };
