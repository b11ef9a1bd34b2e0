/**
 * A clock that somebody may set wrong, held against another that everybody goes by.
 *
 * It shows its own time as long as that is not behind the other's: whatever has expired
 * by either clock has expired. A step is noticed at once, not by the next comparison, since
 * the machine's own count of milliseconds goes on as if nothing had happened.
 */
import { aheadOf, type Clock, TOLERANCE_MS } from "./clock.ts";

/** A {@link Clock} that is held against another. Times are milliseconds. */
export type GuardedClock = Clock & {
  /** The earlier of both clocks. */
  readonly earliest: () => number;
  /** How far our own clock is ahead at least, counted on from the last comparison; negative if it is behind. */
  readonly aheadMs: () => number;
  /** Whether only our own clock has come to the time, so that the other is to be asked. */
  readonly isDoubtful: (time: number) => boolean;
  /** Asks the other clock. If that cannot be, it rejects, and the comparison before goes on to count. */
  readonly compare: () => Promise<void>;
};

type Guarding = {
  readonly clock: Clock;
  /** Asks the other clock. */
  readonly readTime: () => Promise<number>;
  /** Counts milliseconds, and is set by nobody. */
  readonly tick: () => number;
};

/** Where both clocks stood at one moment. The other may be ahead of that by as much as its answer took. */
type Standing = { readonly own: number; readonly theirs: number; readonly doubtMs: number; readonly tick: number };

/** A {@link GuardedClock}, which shows its own time until the first comparison. */
export function createGuardedClock({ clock, readTime, tick }: Guarding): GuardedClock {
  /** Where both stood at the last comparison, or at the last one that failed: counted on until then. */
  let last: Standing | null = null;
  let wasBehind = false;

  const theirsNow = (since: Standing): number => since.theirs + tick() - since.tick;
  const aheadMs = () => (last === null ? 0 : clock.now() - theirsNow(last));

  function note(own: number, theirs: number, doubtMs: number): void {
    last = { own, theirs, doubtMs, tick: tick() };
    wasBehind = theirs - own > TOLERANCE_MS;
  }

  return {
    now() {
      const own = clock.now();
      // The rule, for which nothing is counted: our clock has gone on from where it was right.
      if (last === null || (!wasBehind && own >= last.own)) return own;
      const theirs = theirsNow(last);
      return theirs - own > TOLERANCE_MS ? Math.ceil(theirs + last.doubtMs) : own;
    },
    earliest() {
      const own = clock.now();
      return last === null ? own : Math.min(own, Math.floor(theirsNow(last)));
    },
    aheadMs,
    isDoubtful: (time) => last !== null && time <= clock.now() && Math.floor(theirsNow(last)) < time,
    async compare() {
      const askedAt = clock.now();
      const askedTick = tick();
      if (last !== null) note(askedAt, theirsNow(last), last.doubtMs);
      const time = await readTime();
      const own = clock.now();
      note(own, own - aheadOf(time, askedAt, own), tick() - askedTick);
    },
  };
}
