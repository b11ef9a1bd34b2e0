/**
 * The revocation feed: what each watcher is told, and when.
 *
 * A watcher is a cursor into the shared ring, moved on by whoever reads its events: one
 * that does not read costs nothing, and is cut off once the ring has passed it. Nothing
 * here reads the database.
 */
import type { Knowledge } from "../check/knowledge.ts";
import type { Revision } from "../check/revision.ts";
import { Refusal } from "../errors.ts";
import { type FeedEvent, type StartOverReason, snapshotEvents } from "../feed/feed-event.ts";
import { createAlarm } from "../lib/alarm.ts";
import type { Clock } from "../lib/clock.ts";
import { createFeedRing, type FeedRing } from "./feed-ring.ts";

/** Tells watchers. */
export type Feed = {
  /** Adds what leads from the newest revision to `through`. Checks know of it already. */
  readonly append: FeedRing["append"];
  /** What comes next follows on `revision`, maybe of another log. */
  readonly restart: FeedRing["restart"];
  /** What happens, from where the watcher stands. Ends only by its signal's reason, or as it is cut off. */
  readonly watch: (watcher: Watcher) => AsyncIterable<FeedEvent>;
  /** Calls that are being told. */
  readonly watchers: () => number;
};

/** Somebody who wants to be told. */
export type Watcher = {
  /** What it knows already; `null` to be told everything. */
  readonly after: Revision | null;
  /** Throws if it may watch no more, which cuts it off. Asked whenever services have changed, and before anything is told. */
  readonly confirm: () => void;
  /**
   * Called at once when it is cut off: by `confirm`, or with Refusal WATCHER_TOO_SLOW because the ring has passed
   * it. Why, is known to whoever reads its events, who may not read any.
   */
  readonly onCut: () => void;
  readonly signal: AbortSignal;
};

/** A watcher on its way. */
type Told = Watcher & {
  /** Up to where it was told, or will be by what it is being told; `null` before that is settled. */
  position: Revision | null;
  cut: { readonly reason: unknown } | null;
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
/**
 * How long news is gathered for each watcher there is, and at most: however many they are, 10,000 messages a second
 * go out, which take half a core, and all of them hear of everything at least as often as of checkpoints.
 */
const GATHERED_MS_PER_WATCHER = 0.1;
const GATHERED_MS = 1_000;

/** A {@link Feed} that nobody watches yet. */
export function createFeed({ knowledge, clock, tick, checkpointMs }: FeedDeps): Feed {
  const ring = createFeedRing();
  const alarm = createAlarm(WOKEN_AT_ONCE, tick);
  const all = new Set<Told>();
  /** No watcher of this log was told less than up to here. */
  let least = Number.POSITIVE_INFINITY;

  const present = (): Revision => ({ logId: knowledge.logId(), number: knowledge.revision() });

  /** Why the watcher cannot simply go on after `revision`; `null` if it can. */
  function obstacleTo({ logId, number }: Revision): StartOverReason | null {
    if (logId !== knowledge.logId()) return "LOG_REPLACED";
    if (number > ring.newest()) return "UNKNOWN";
    return ring.reaches(number) ? null : "TOO_OLD";
  }

  /** Cuts the watcher off if it may not be told any more, whether or not it takes what it is being told. */
  function look(watcher: Told): void {
    if (watcher.cut !== null) return;
    try {
      watcher.confirm();
      // Whoever brings an old revision starts over; whoever was told all until now did not keep up.
      if (watcher.position !== null && obstacleTo(watcher.position) === "TOO_OLD")
        throw new Refusal("WATCHER_TOO_SLOW");
    } catch (reason) {
      watcher.cut = { reason };
      all.delete(watcher);
      watcher.onCut();
    }
  }

  function refuseCut({ cut }: Told): void {
    if (cut !== null) throw cut.reason;
  }

  function lookAtAll(): void {
    for (const watcher of all) look(watcher);
    least = Number.POSITIVE_INFINITY;
    for (const { position } of all)
      if (position !== null && position.logId === knowledge.logId()) least = Math.min(least, position.number);
  }

  function stand(watcher: Told, position: Revision): void {
    watcher.position = position;
    least = Math.min(least, position.number);
  }

  /** From where the watcher is told what follows: its own revision, or that of the snapshot which it is told here. */
  async function* settle(watcher: Told): AsyncGenerator<FeedEvent, Revision> {
    const known = watcher.position ?? watcher.after;
    const obstacle = known === null ? null : obstacleTo(known);
    const begin = known === null || obstacle !== null ? present() : known;
    stand(watcher, begin);
    if (begin === known) return begin;
    if (obstacle !== null) yield { kind: "start_over", reason: obstacle };
    for await (const event of snapshotEvents(begin, knowledge.roles.list(), knowledge.revocations.tables())) {
      refuseCut(watcher);
      yield event;
    }
    return begin;
  }

  async function* follow(watcher: Told): AsyncGenerator<FeedEvent> {
    const { signal } = watcher;
    let toldAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      signal.throwIfAborted();
      look(watcher);
      refuseCut(watcher);
      const position: Revision = yield* settle(watcher);
      const untilCheckpoint = checkpointMs - (tick() - toldAt);
      // While a snapshot was told, much may have happened.
      if (obstacleTo(position) !== null) continue;
      if (position.number < ring.newest()) {
        const tail = ring.after(position.number);
        watcher.position = { logId: position.logId, number: tail.through };
        yield { kind: "batch", logId: position.logId, from: position.number, ...tail };
      } else if (untilCheckpoint <= 0) {
        toldAt = tick();
        const time = clock.now();
        yield { kind: "checkpoint", revision: position, asOf: time - knowledge.stalenessMs(time), time };
      } else {
        await alarm.next(untilCheckpoint, signal);
      }
    }
  }

  /** Those who wait are woken: there is news, or one of them has lost its right to watch. */
  function wake(): void {
    alarm.ring(Math.min(GATHERED_MS, all.size * GATHERED_MS_PER_WATCHER));
  }

  return {
    append(through, rows) {
      ring.append(through, rows);
      if (ring.oldest() > least || rows.some(({ kind }) => kind === "services_changed")) lookAtAll();
      wake();
    },
    restart(revision) {
      ring.restart(revision);
      lookAtAll();
      wake();
    },
    async *watch(watcher) {
      const told: Told = { ...watcher, position: null, cut: null };
      all.add(told);
      try {
        yield* follow(told);
      } finally {
        all.delete(told);
      }
    },
    watchers: () => all.size,
  };
}
