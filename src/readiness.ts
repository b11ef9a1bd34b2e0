/**
 * Whether this instance should be sent work: it follows the revocation log, and its
 * clock can be trusted.
 *
 * Every instance on one PostgreSQL goes by its clock, and must not be far from it.
 * SQLite has no clock but the machine's, so nothing tells the right time. What can be
 * told is that the clock went back: behind the newest event in the database, or
 * behind the last read of the log. That is dangerous, not only odd: tokens that had
 * expired would be good again, after their revocations were forgotten.
 */
import { aheadOf, type Clock } from "./lib/clock.ts";
import type { Log } from "./log.ts";

/** How far off the clock may be without anybody minding, in milliseconds. */
const TOLERANCE_MS = 5_000;
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
  /** The present by the database's clock, in milliseconds; `null` if it has none. */
  readonly readDatabaseTime: (() => Promise<number>) | null;
  /** When the revocation log was last read to its end. */
  readonly asOf: () => number;
  /** How old that may be, in milliseconds. */
  readonly stalenessBoundMs: number;
  /** Whether the database was copied elsewhere, and serves no more. */
  readonly isSealed: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
};

/** A {@link Readiness} that has not looked at the database yet. */
export function createReadiness(deps: ReadinessDeps): Readiness {
  const { readNewestTime, readDatabaseTime, asOf, stalenessBoundMs, isSealed, clock, log } = deps;
  let newest = 0;
  let offsetMs = 0;
  let wasOff = false;
  let timer: NodeJS.Timeout | null = null;

  const isFresh = () => clock.now() - asOf() < stalenessBoundMs;
  const behindMs = () => Math.max(newest, asOf()) - clock.now();
  const isOff = () => behindMs() > TOLERANCE_MS || Math.abs(offsetMs) > TOLERANCE_MS;

  /** How far the clock is ahead of the database's, less what the answer's way may account for. */
  async function readOffset(readTime: () => Promise<number>): Promise<number> {
    const askedAt = clock.now();
    const time = await readTime();
    return aheadOf(time, askedAt, clock.now());
  }

  async function look(): Promise<void> {
    // Whoever follows the log says so if the database cannot be read.
    newest = await readNewestTime().catch(() => newest);
    if (readDatabaseTime !== null) offsetMs = await readOffset(readDatabaseTime).catch(() => offsetMs);
    const off = isOff();
    if (off && !wasOff) {
      if (Math.abs(offsetMs) > TOLERANCE_MS)
        log.error({ event: "clock_off", ahead_ms: offsetMs }, "the clock is not the database's; set one of them right");
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
