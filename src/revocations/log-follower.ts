/**
 * Keeps the knowledge in step with the log in the database.
 *
 * Owns the reading of the log: by whoever commits, up to its own revision, before
 * it answers; and by a poll that notices what other processes wrote. Memory moves
 * forward only, without gaps; another log, or one whose floor has passed us, means
 * starting over. What cannot be read leaves knowledge as it is, and ageing.
 */
import type { Knowledge, LogEntry } from "../check/knowledge.ts";
import { createRevocationSet } from "../check/revocation-set.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../log.ts";
import { type KeyState, readKeyState } from "../store/queries/keys.ts";
import { entriesAfter, logState } from "../store/queries/revocations.ts";
import { listRoles } from "../store/queries/roles.ts";
import { liveServices, type ServiceRow } from "../store/queries/services.ts";
import { parseSeal, SealedDatabase } from "../store/seal.ts";
import type { Queries, Store } from "../store/store.ts";
import { toLogEntry, toServiceEntry } from "./entries.ts";
import type { Feed } from "./feed.ts";

/** How often the database is asked whether others changed it, in milliseconds: where that costs nothing, */
const POLL_MS = 100;
/** and where it is a round trip, and others hint. */
const POLL_BESIDE_HINTS_MS = 250;

/** Entries stay so long after all tokens that they concern have expired, in milliseconds: clocks are set back a little. */
const KEPT_MS = 30_000;

/** Follows the log. */
export type LogFollower = {
  /** Reads everything and begins to poll. @throws whatever keeps it from reading. */
  readonly start: () => Promise<void>;
  /** Ends the poll. */
  readonly stop: () => void;
  /** Reads the log to its end by a read that begins after the call; rejects if it cannot be read. */
  readonly catchUp: () => Promise<void>;
  /** Whether the database was copied elsewhere, by the last look. */
  readonly isSealed: () => boolean;
};

type LogFollowerDeps = {
  readonly store: Pick<Store, "read" | "changeMarker" | "onHint">;
  readonly knowledge: Knowledge;
  /** Takes over the keys as they are in the database. */
  readonly loadKeys: (state: KeyState) => Promise<void>;
  /** Told what came, once checks know of it. */
  readonly feed: Pick<Feed, "append" | "restart">;
  readonly clock: Clock;
  /** A time that is past for certain, where there is more than one clock to go by, in milliseconds. */
  readonly earliest: () => number;
  readonly log: Log;
};

/** What one look at the database brought. */
type News = {
  readonly apply: () => void;
  readonly keys: KeyState | null;
  readonly services: readonly ServiceRow[] | null;
};

/** A {@link LogFollower} that has not started. */
export function createLogFollower({
  store,
  knowledge,
  loadKeys,
  feed,
  clock,
  earliest,
  log,
}: LogFollowerDeps): LogFollower {
  const pollMs = store.onHint === undefined ? POLL_MS : POLL_BESIDE_HINTS_MS;
  let marker: number | null = null;
  let underWay: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopHints = () => {};
  let isFailing = false;
  let isSealed = false;
  let mustStartOver = false;
  /** What concerns only tokens that expired before is gone. */
  let forgottenBy = 0;

  async function readLog(): Promise<void> {
    const readAt = clock.now();
    const seen = store.changeMarker();
    if (seen === null || seen !== marker) {
      const news = await store.read((db) => newsSince(db, knowledge, feed, mustStartOver));
      if (news.keys !== null) await loadKeys(news.keys);
      if (news.services !== null) knowledge.services.replace(news.services.map(toServiceEntry));
      news.apply();
      mustStartOver = false;
      marker = seen;
    }
    knowledge.confirm(readAt);
  }

  /** A read that begins after this call: one that is under way may have missed what the caller wants. */
  function catchUp(): Promise<void> {
    if (underWay === null) {
      underWay = readLog().finally(() => {
        underWay = null;
      });
      return underWay;
    }
    next ??= underWay
      .catch(() => {})
      .then(() => {
        next = null;
        return catchUp();
      });
    return next;
  }

  /** A clock that was ahead has made us forget what still matters: then all is read again. */
  function forget(): void {
    const now = earliest();
    if (now < forgottenBy) {
      forgottenBy = 0;
      mustStartOver = true;
      marker = null;
    } else {
      forgottenBy = Math.max(forgottenBy, now - KEPT_MS);
      knowledge.revocations.forget(forgottenBy);
    }
  }

  async function poll(): Promise<void> {
    try {
      await catchUp();
      if (isFailing) log.info({ event: "log_read_again" }, "the revocation log can be read again");
      isFailing = false;
      isSealed = false;
      forget();
    } catch (error) {
      const wasSealed = isSealed;
      isSealed = error instanceof SealedDatabase;
      if (isSealed && !wasSealed) log.error({ event: "database_sealed", error }, "the database serves no more");
      else if (!isSealed && !isFailing)
        log.error({ event: "log_unreadable", error }, "the revocation log cannot be read");
      isFailing = true;
    }
  }

  function schedule(): void {
    timer = setTimeout(async () => {
      await poll();
      if (timer !== null) schedule();
    }, pollMs);
    timer.unref();
  }

  return {
    catchUp,
    isSealed: () => isSealed,
    async start() {
      await catchUp();
      stopHints = store.onHint?.(poll) ?? stopHints;
      schedule();
    },
    stop() {
      stopHints();
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

async function newsSince(
  db: Queries,
  knowledge: Knowledge,
  feed: LogFollowerDeps["feed"],
  mustStartOver: boolean,
): Promise<News> {
  const state = await logState(db);
  if (state === null) throw new Error("the revocation log is missing from the database");
  const { log_id: logId, revision, floor } = state;
  const seal = parseSeal(state.seal);
  // What is revoked from now on is revoked elsewhere.
  if (seal !== null) throw new SealedDatabase(seal);
  const known = knowledge.revision();
  if (mustStartOver || logId !== knowledge.logId() || known < floor || known > revision)
    return startOver(db, knowledge, feed, logId, revision);
  if (known === revision) return { apply: () => {}, keys: null, services: null };
  const rows = await entriesAfter(db, known);
  const keys = rows.some(({ kind }) => kind === "keys_changed") ? await readKeyState(db) : null;
  const services = rows.some(({ kind }) => kind === "services_changed") ? await liveServices(db) : null;
  const apply = () => {
    knowledge.advance(revision, rows.map(toLogEntry).filter(isEntry));
    feed.append(revision, rows);
  };
  return { apply, keys, services };
}

async function startOver(
  db: Queries,
  knowledge: Knowledge,
  feed: LogFollowerDeps["feed"],
  logId: string,
  revision: number,
): Promise<News> {
  const rows = await entriesAfter(db, 0);
  const roles = await listRoles(db, { after: "", limit: Number.MAX_SAFE_INTEGER });
  const revocations = createRevocationSet();
  for (const row of rows) {
    const entry = toLogEntry(row);
    if (entry !== null && entry.kind !== "role_changed") revocations.note(entry);
  }
  const snapshot = {
    logId,
    revision,
    roles: roles.map(({ name, permissions }) => ({ name, grants: permissions })),
    revocations: revocations.tables(),
  };
  const apply = () => {
    knowledge.restart(snapshot);
    feed.restart(revision);
  };
  return { apply, keys: await readKeyState(db), services: await liveServices(db) };
}

function isEntry(entry: LogEntry | null): entry is LogEntry {
  return entry !== null;
}
