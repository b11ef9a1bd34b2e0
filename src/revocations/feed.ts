/**
 * The revocation feed: what each watcher is told, and when.
 *
 * A watcher is a cursor into the shared ring, moved on by whoever reads its events: one
 * that does not read costs nothing, and is cut off once the ring has passed it. Nothing
 * here reads the database.
 */
import type { Knowledge } from "../check/knowledge.ts";
import { Refusal } from "../errors.ts";
import { type FeedEvent, type Revision, type StartOverReason, snapshotEvents } from "../feed/feed-event.ts";
import { createAlarm } from "../lib/alarm.ts";
import type { Clock } from "../lib/clock.ts";
import { createFeedRing, type FeedRing } from "./feed-ring.ts";

/** Tells watchers. */
export type Feed = {
  /** Adds what leads from the newest revision to `through`. Checks know of it already. */
  readonly append: FeedRing["append"];
  /** What comes next follows on `revision`, maybe of another log. */
  readonly restart: FeedRing["restart"];
  /**
   * What happens after a revision; everything, if there is none. Ends only by the signal's
   * reason, by what `confirm` throws, which is asked before anything is told, or by Refusal
   * WATCHER_TOO_SLOW.
   */
  readonly watch: (after: Revision | null, confirm: () => void, signal: AbortSignal) => AsyncIterable<FeedEvent>;
  /** Calls that are being told. */
  readonly watchers: () => number;
};

type FeedDeps = {
  readonly knowledge: Pick<Knowledge, "logId" | "revision" | "stalenessMs" | "roles" | "revocations">;
  readonly clock: Clock;
  /** Milliseconds since any fixed moment; never goes back. */
  readonly tick: () => number;
  /** Time between checkpoints, in milliseconds. */
  readonly checkpointMs: number;
};

/** Watchers that are woken in one turn of the event loop, so that calls get theirs. */
const WOKEN_AT_ONCE = 64;
/** How long news is gathered for each watcher there is, and at most, so that many watchers do not get many messages each. */
const GATHERED_MS_PER_WATCHER = 0.1;
const GATHERED_MS = 100;

/** A {@link Feed} that nobody watches yet. */
export function createFeed({ knowledge, clock, tick, checkpointMs }: FeedDeps): Feed {
  const ring = createFeedRing();
  const alarm = createAlarm(WOKEN_AT_ONCE, tick);
  let watchers = 0;

  const position = (): Revision => ({ logId: knowledge.logId(), number: knowledge.revision() });

  /** Why the watcher cannot simply go on after `revision`; `null` if it can. */
  function obstacleTo({ logId, number }: Revision): StartOverReason | null {
    if (logId !== knowledge.logId()) return "LOG_REPLACED";
    if (number > ring.newest()) return "UNKNOWN";
    return ring.reaches(number) ? null : "TOO_OLD";
  }

  /** From where the watcher is told what follows: its own revision, or that of the snapshot which it is told here. */
  async function* settle(cursor: Revision | null, isFirst: boolean): AsyncGenerator<FeedEvent, Revision> {
    const obstacle = cursor === null ? null : obstacleTo(cursor);
    if (cursor !== null && obstacle === null) return cursor;
    // Whoever brings an old revision starts over; whoever was told all until now did not keep up.
    if (obstacle === "TOO_OLD" && !isFirst) throw new Refusal("WATCHER_TOO_SLOW");
    if (obstacle !== null) yield { kind: "start_over", reason: obstacle };
    const begin = position();
    yield* snapshotEvents(begin, knowledge.roles.list(), knowledge.revocations.tables());
    return begin;
  }

  async function* follow(after: Revision | null, confirm: () => void, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    let cursor = after;
    let toldAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      signal.throwIfAborted();
      confirm();
      const present: Revision = yield* settle(cursor, cursor === after);
      cursor = present;
      const untilCheckpoint = checkpointMs - (tick() - toldAt);
      // While a snapshot was told, much may have happened.
      if (obstacleTo(present) !== null) continue;
      if (present.number < ring.newest()) {
        const tail = ring.after(present.number);
        yield { kind: "batch", logId: present.logId, from: present.number, ...tail };
        cursor = { logId: present.logId, number: tail.through };
      } else if (untilCheckpoint <= 0) {
        toldAt = tick();
        const time = clock.now();
        yield { kind: "checkpoint", revision: present, asOf: time - knowledge.stalenessMs(time), time };
      } else {
        await alarm.next(untilCheckpoint, signal);
      }
    }
  }

  /** Those who wait are woken: there is news, or one of them has lost its right to watch. */
  function wake(): void {
    alarm.ring(Math.min(GATHERED_MS, watchers * GATHERED_MS_PER_WATCHER));
  }

  return {
    append(through, rows) {
      ring.append(through, rows);
      wake();
    },
    restart(revision) {
      ring.restart(revision);
      wake();
    },
    async *watch(after, confirm, signal) {
      watchers += 1;
      try {
        yield* follow(after, confirm, signal);
      } finally {
        watchers -= 1;
      }
    },
    watchers: () => watchers,
  };
}
