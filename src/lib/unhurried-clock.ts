/**
 * A time that is past for certain, as far as a machine with one clock can tell: what its clock shows, but no more than
 * the machine's own count since the start. A clock that is put forward by mistake does not carry it along, so nothing
 * is forgotten before its time, and all is well again when the mistake is mended.
 */
import type { Clock } from "./clock.ts";

/** What can be told of a clock that nobody vouches for. Times are milliseconds. */
export type UnhurriedClock = {
  /** No later than the clock, and no faster than time. */
  readonly earliest: () => number;
  /** The latest that it ever was: a clock that shows less has been put back. */
  readonly reached: () => number;
};

/** An {@link UnhurriedClock}. `tick` counts milliseconds, is set by nobody, and goes on while the machine is suspended. */
export function createUnhurriedClock(clock: Clock, tick: () => number): UnhurriedClock {
  const start = clock.now() - tick();
  let reached = clock.now();

  return {
    earliest() {
      const time = Math.min(clock.now(), Math.floor(start + tick()));
      reached = Math.max(reached, time);
      return time;
    },
    reached: () => reached,
  };
}
