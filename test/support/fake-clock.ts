import type { Clock } from "../../src/lib/clock.ts";

/** A clock that stands still until it is moved. */
export type FakeClock = Clock & { readonly advance: (milliseconds: number) => void };

/** A clock that shows a whole second of the present, plus whatever it was advanced by. */
export function createFakeClock(start = Math.floor(Date.now() / 1000) * 1000): FakeClock {
  let time = start;
  return {
    now: () => time,
    advance(milliseconds) {
      time += milliseconds;
    },
  };
}
