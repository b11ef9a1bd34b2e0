/**
 * Whether this instance should be sent work: it follows the revocation log, and its
 * clock can be trusted.
 *
 * Every instance on one PostgreSQL goes by its clock, and must not be far from it: one
 * that was set wrong and then right is good again, since nothing was timed by it.
 * SQLite has no clock but the machine's, so nothing tells the right time. What can be
 * told is that the clock went back: behind the newest event in the database, or
 * behind what the process has counted itself, by which checks then go. One that went
 * forward may have been put right: it is believed, and the instance is not ready for a
 * minute, in which whoever watches is told, and may mend it before much is recorded.
 */
import { type Clock, TOLERANCE_MS } from "./lib/clock.ts";
import type { CountedClock } from "./lib/counted-clock.ts";
import type { GuardedClock } from "./lib/guarded-clock.ts";
import type { Log } from "./log.ts";

/** How often the database is asked for its newest time, in milliseconds. */
const INTERVAL_MS = 1_000;

/**
 * How long an instance whose clock was put forward is not ready, in milliseconds: enough for a balancer that believes the
 * third of three probes, ten seconds apart, and for a look.
 */
const SETTLING_MS = 60_000;

const CLOCK_BEHIND_ADVICE =
  "the clock went back; set it right, or start the service again if it is right now and was ahead for an hour or longer";

/** Tells whether work may come. */
export type Readiness = {
  readonly isReady: () => boolean;
  /** Looks at the clock now and from then on, and says in the log when it is off and when it is right again. */
  readonly start: () => Promise<void>;
  readonly stop: () => void;
};

/** What the log is told of a clock that cannot be trusted, and how far it is off, in milliseconds. */
type ClockFault = { readonly advice: string } & (
  | { readonly event: "clock_off" | "clock_ahead"; readonly ahead_ms: number }
  | { readonly event: "clock_behind"; readonly behind_ms: number }
);

type ReadinessDeps = {
  /** The newest time that the database holds, in milliseconds; 0 if none. */
  readonly readNewestTime: () => Promise<number>;
  /** Our clock, held against the database's; `null` if that has none. */
  readonly guardedClock: Pick<GuardedClock, "aheadMs" | "compare"> | null;
  /** Our clock, held against the machine's count; `null` where the database's clock tells. */
  readonly countedClock: Pick<CountedClock, "behindMs" | "ahead" | "heed"> | null;
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
  /** The event that the log was told last, while it lasts. */
  let said: string | null = null;
  let timer: NodeJS.Timeout | null = null;

  const isFresh = () => stalenessMs() < stalenessBoundMs;

  /** Why the clock cannot be trusted; `null` if it can. */
  function clockFault(): ClockFault | null {
    const offMs = Math.round(guardedClock?.aheadMs() ?? 0);
    if (Math.abs(offMs) > TOLERANCE_MS) {
      return { event: "clock_off", ahead_ms: offMs, advice: "the clock is not the database's; set one of them right" };
    }
    const behindMs = Math.ceil(Math.max(newest - clock.now(), countedClock?.behindMs() ?? 0));
    if (behindMs > TOLERANCE_MS) {
      return { event: "clock_behind", behind_ms: behindMs, advice: CLOCK_BEHIND_ADVICE };
    }
    const ahead = countedClock?.ahead() ?? null;
    if (ahead !== null && ahead.forMs < SETTLING_MS) {
      const advice = "the clock went forward; set it back within the hour if it was right before";
      return { event: "clock_ahead", ahead_ms: Math.round(ahead.byMs), advice };
    }
    return null;
  }

  async function look(): Promise<void> {
    // Whoever follows the log says so if the database cannot be read.
    const read = await readNewestTime().catch(() => null);
    // What could not be read tells nothing, neither that there is a record nor that there is none.
    if (read !== null) {
      newest = read;
      countedClock?.heed(newest);
    }
    await guardedClock?.compare().catch(() => {});
    const fault = clockFault();
    if (fault !== null && fault.event !== said) {
      const { advice, ...facts } = fault;
      log.error(facts, advice);
    }
    if (fault === null && said !== null) sayTrusted();
    said = fault?.event ?? null;
  }

  function sayTrusted(): void {
    if (said === "clock_ahead" && countedClock?.ahead()) {
      log.warn({ event: "clock_believed" }, "the clock is as far ahead as it was a minute ago, and taken for right");
    } else log.info({ event: "clock_right_again" }, "the clock can be trusted again");
  }

  function schedule(): void {
    timer = setTimeout(async () => {
      await look();
      if (timer !== null) schedule();
    }, INTERVAL_MS);
    timer.unref();
  }

  return {
    isReady: () => isFresh() && !isSealed() && clockFault() === null,
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
