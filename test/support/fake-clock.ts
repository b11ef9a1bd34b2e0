import type { Clock } from "../../src/lib/clock.ts";

/** A clock that stands still until it is moved. */
export type FakeClock = Clock & {
  /** Lets time pass; if it is negative, puts the clock back. */
  readonly advance: (milliseconds: number) => void;
  /** What its machine counts, by which time never goes back; where it is not stated, the real one does. */
  readonly uptimeMs?: () => number;
};

/** One of a machine that can be set wrong, too. */
export type WrongClock = Required<FakeClock> & {
  /** Sets the clock forward or back, while no time passes. */
  readonly step: (milliseconds: number) => void;
};

/** A clock that shows a whole second of the present, plus whatever it was moved by. */
export function createFakeClock(start = Math.floor(Date.now() / 1000) * 1000): WrongClock {
  let time = start;
  let counted = 0;
  return {
    now: () => time,
    uptimeMs: () => counted,
    advance(milliseconds) {
      time += milliseconds;
      counted += Math.max(0, milliseconds);
    },
    step(milliseconds) {
      time += milliseconds;
    },
  };
}
