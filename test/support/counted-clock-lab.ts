import { type CountedClock, createCountedClock } from "../../src/lib/counted-clock.ts";

/** A {@link CountedClock} whose machine is set wrong, and counts wrong, as a test says. */
export type CountedClockLab = {
  /** The true time, the machine's error, and how far its count has drifted from the truth, in milliseconds. */
  readonly truth: { now: number; error: number; drift: number };
  /** The clock that was started last. */
  readonly clock: () => CountedClock;
  /** Starts another. */
  readonly restart: () => void;
  /** Lets time pass, in steps at each of which somebody asks. */
  readonly pass: (ms: number, steps?: { readonly every?: number; readonly ask?: () => unknown }) => void;
  /** How far what it shows is ahead of the truth. */
  readonly lead: () => number;
};

/** A lab whose clock was just started, and is right. */
export function createCountedClockLab(): CountedClockLab {
  const truth = { now: 1_000_000_000, error: 0, drift: 0 };
  const start = () =>
    createCountedClock({ now: () => truth.now + truth.error }, () => truth.now + truth.drift - 999_000_000);
  let clock = start();
  return {
    truth,
    clock: () => clock,
    restart() {
      clock = start();
    },
    pass(ms, { every = ms, ask = () => clock.now() } = {}) {
      for (let passed = 0; passed < ms; passed += every) {
        truth.now += every;
        ask();
      }
    },
    lead: () => clock.now() - truth.now,
  };
}
