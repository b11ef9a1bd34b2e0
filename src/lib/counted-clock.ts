/**
 * A clock that nobody vouches for, held against the machine's own count and what is on record.
 *
 * The two agree while the clock is right. One that is put back is not followed: time goes on by the count, from where
 * they last agreed, so that nothing expires twice. One that is put forward is believed, since it may have been late
 * before, but does not carry the count along for an hour: all is well again when that was a mistake, and is mended.
 */
import { type Clock, TOLERANCE_MS } from "./clock.ts";

/** How far the clock may move on before it is held against the count again, in milliseconds. */
const LOOK_MS = 1_000;
/**
 * How much the count gives way to a clock that differs by no more than the tolerance, of the time that passes: more than
 * any crystal is off by, and so little that steps back which are small, but many, are noticed once they add up.
 */
const GIVES_WAY = 0.01;
/**
 * How fast time is counted on from what was recorded before the start. Nobody knows whether the clock is late now or was
 * early then. Either way nothing that had expired comes alive; and at this pace a clock that is right catches up.
 */
const PACE_FROM_RECORD = 0.5;
/**
 * How long a clock that was put forward is doubted, in milliseconds of the count: time to mend it, if that was a mistake.
 * After that the count goes by it, as by the clock of the start.
 */
const DOUBT_MS = 3_600_000;

/**
 * A {@link Clock} that does not go back with the machine's. Times are milliseconds. Whoever follows the log asks for
 * `earliest` many times a second, so that no step is made up for by time that passes unobserved.
 */
export type CountedClock = Clock & {
  /** A time that is past for certain: no later than the machine's clock, and no faster than its count since the start. */
  readonly earliest: () => number;
  /** How far the machine's clock is behind what has passed; negative if it is ahead. */
  readonly behindMs: () => number;
  /** How far the clock was put forward, and how long ago by the count; `null` if it was not, or is doubted no longer. */
  readonly ahead: () => { readonly byMs: number; readonly forMs: number } | null;
  /** Whether only one of clock and count has come to the time, and either may be wrong. */
  readonly isDoubtful: (time: number) => boolean;
  /** Takes note of the newest time that is on record: at the start, and again and again. */
  readonly heed: (newest: number) => void;
};

/** A {@link CountedClock}. `count` is of milliseconds, set by nobody, and goes on while the machine is suspended. */
export function createCountedClock(clock: Clock, count: () => number): CountedClock {
  const start = clock.now() - count();
  /** Where the clock, the count, and what is known to have passed stood at the last look. */
  let last = { own: clock.now(), count: count(), passed: clock.now() };
  let isBehind = false;
  /** How far the clock is ahead, and what the count was when it was first seen so far ahead; `null` while it is not. */
  let ahead: { readonly by: number; readonly since: number } | null = null;
  /** The newest time on record that we count on from; `null` while we go by the clock and our own count. */
  let record: number | null = null;
  let hasHeeded = false;

  /** What the machine's clock shows now. */
  function look(): number {
    const own = clock.now();
    const counted = count();
    const elapsed = counted - last.count;
    let passed = last.passed + elapsed * (record === null ? 1 : PACE_FROM_RECORD);
    if (own - passed >= -TOLERANCE_MS && record !== null) {
      // A record is no more than the least that had passed.
      record = null;
      passed = own;
    }
    ahead = aheadNow(own - passed, counted);
    if (ahead !== null && counted - ahead.since >= DOUBT_MS) {
      ahead = null;
      passed = own;
    }
    if (Math.abs(own - passed) <= TOLERANCE_MS) passed += within(own - passed, elapsed * GIVES_WAY);
    last = { own, count: counted, passed };
    isBehind = passed - own > TOLERANCE_MS;
    return own;
  }

  /** One that is put further forward, or back by a part, is doubted anew. */
  function aheadNow(by: number, counted: number): typeof ahead {
    if (by <= TOLERANCE_MS) return null;
    return ahead !== null && Math.abs(by - ahead.by) <= TOLERANCE_MS ? ahead : { by, since: counted };
  }

  function goBy(passed: number): void {
    last = { ...last, passed };
    look();
  }

  return {
    now() {
      const own = clock.now();
      // The rule, for which nothing is counted.
      if (!isBehind && own >= last.own && own - last.own < LOOK_MS) return own;
      const looked = look();
      return isBehind ? Math.ceil(last.passed) : looked;
    },
    earliest: () => Math.min(look(), Math.floor(start + last.count)),
    behindMs() {
      const own = look();
      return last.passed - own;
    },
    ahead() {
      const own = look();
      return ahead === null ? null : { byMs: own - last.passed, forMs: last.count - ahead.since };
    },
    isDoubtful(time) {
      const own = look();
      if (isBehind) return own < time && time <= Math.ceil(last.passed);
      return ahead !== null && last.passed < time && time <= own;
    },
    heed(newest) {
      const own = look();
      if (record !== null && newest < record && newest - own <= TOLERANCE_MS) {
        // What was recorded by a clock that was ahead is gone.
        record = null;
        goBy(own);
      } else if (record === null ? !hasHeeded && newest - own > TOLERANCE_MS : newest > record) {
        record = newest;
        goBy(Math.max(last.passed, newest));
      }
      hasHeeded = true;
    },
  };
}

function within(value: number, bound: number): number {
  return Math.max(-bound, Math.min(bound, value));
}
