/**
 * Whether this instance should be sent work: it follows the revocation log, and its
 * clock can be trusted.
 *
 * Every instance on one PostgreSQL goes by its clock, and must not be far from it: one
 * that was set wrong and then right is good again, since nothing was timed by it.
 * SQLite has no clock but the machine's, so nothing tells the right time. What can be
 * told is that the clock went back: behind the newest event in the database, or
 * behind what the process has counted itself, by which checks then go.
 */
import { type Clock, TOLERANCE_MS } from "./lib/clock.ts";
import type { CountedClock } from "./lib/counted-clock.ts";
import type { GuardedClock } from "./lib/guarded-clock.ts";
import type { Log } from "./log.ts";

/** How often the database is asked for its newest time, in milliseconds. */
const INTERVAL_MS = 1_000;

/** Tells whether work may come. */
export type Readiness = {
  readonly isReady: () => boolean;
  /** Looks at the clock now and from then on, and says in the log when it is off and when it is right again. */
  readonly start: () => Promise<void>;
  readonly stop: () => void;
};

type ReadinessDeps = {
  /** The newest time that the database holds, in milliseconds; 0 if none. */
  readonly readNewestTime: () => Promise<number>;
  /** Our clock, held against the database's; `null` if that has none. */
  readonly guardedClock: Pick<GuardedClock, "aheadMs" | "compare"> | null;
  /** Our clock, held against the machine's count; `null` where the database's clock tells. */
  readonly countedClock: Pick<CountedClock, "behindMs" | "heed"> | null;
  /** How long ago the log was last read to its end, in milliseconds, whatever was done to the clock since. */
  readonly stalenessMs: () => number;
  /** How long ago that may be. */
  readonly stalenessBoundMs: number;
  /** Whether the database was copied elsewhere, and serves no more. */
  readonly isSealed: () => boolean;
  /** This machine's, right or wrong. */
  readonly clock: Clock;
  readonly log: Log;
};

/** A {@link Readiness} that has not looked at the database yet. */
export function createReadiness(deps: ReadinessDeps): Readiness {
  const { readNewestTime, guardedClock, countedClock, stalenessMs, stalenessBoundMs, isSealed, clock, log } = deps;
  let newest = 0;
  let wasOff = false;
  let timer: NodeJS.Timeout | null = null;

  const isFresh = () => stalenessMs() < stalenessBoundMs;
  const aheadMs = () => Math.round(guardedClock?.aheadMs() ?? 0);
  const behindMs = () => Math.ceil(Math.max(newest - clock.now(), countedClock?.behindMs() ?? 0));
  const isOff = () => behindMs() > TOLERANCE_MS || Math.abs(aheadMs()) > TOLERANCE_MS;

  async function look(): Promise<void> {
    // Whoever follows the log says so if the database cannot be read.
    const read = await readNewestTime().catch(() => null);
    // What could not be read tells nothing, neither that there is a record nor that there is none.
    if (read !== null) {
      newest = read;
      countedClock?.heed(newest);
    }
    await guardedClock?.compare().catch(() => {});
    const off = isOff();
    if (off && !wasOff) {
      if (Math.abs(aheadMs()) > TOLERANCE_MS)
        log.error(
          { event: "clock_off", ahead_ms: aheadMs() },
          "the clock is not the database's; set one of them right",
        );
      else log.error({ event: "clock_behind", behind_ms: behindMs() }, "the clock went back; set it right");
    }
    if (!off && wasOff) log.info({ event: "clock_right_again" }, "the clock can be trusted again");
    wasOff = off;
  }

  function schedule(): void {
    timer = setTimeout(async () => {
      await look();
      if (timer !== null) schedule();
    }, INTERVAL_MS);
    timer.unref();
  }

  return {
    isReady: () => isFresh() && !isSealed() && !isOff(),
    async start() {
      await look();
      schedule();
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
