/**
 * The newest entries of the log, as those who watch it get them. One ring for all
 * watchers: each is a revision up to which it was told.
 */
import { type FeedEntry, MESSAGE_BYTES, roleBytes, type Tail } from "../feed/feed-event.ts";
import type { RevocationRow } from "../store/queries/revocations.ts";
import { toLogEntry } from "./entries.ts";

/** The newest entries. Revisions in it have no gaps. */
export type FeedRing = {
  /** Empties it; what is appended next follows on `revision`. */
  readonly restart: (revision: number) => void;
  /** Adds what leads from the newest revision to `through`. */
  readonly append: (through: number, rows: readonly RevocationRow[]) => void;
  /** The least revision that it reaches. */
  readonly oldest: () => number;
  /** Whether what came after `revision` is all there. */
  readonly reaches: (revision: number) => boolean;
  /** Some of what came after a revision that the ring reaches, within the bound of a message. */
  readonly after: (revision: number) => Tail;
  readonly newest: () => number;
};

/** Entries that are kept. */
const CAPACITY = 65_536;

/** An empty {@link FeedRing}. */
export function createFeedRing(capacity = CAPACITY): FeedRing {
  const entries: (FeedEntry | null)[] = [];
  let begin = 0;
  let newest = 0;

  const oldest = () => Math.max(begin, newest - capacity);

  return {
    restart(revision) {
      entries.length = 0;
      begin = revision;
      newest = revision;
    },
    append(through, rows) {
      // A revision that checks need not know of, or whose entry was forgotten, is none of a watcher's business either.
      for (let next = Math.max(newest, through - capacity) + 1; next <= through; next += 1)
        entries[next % capacity] = null;
      for (const row of rows)
        if (row.revision > through - capacity) entries[row.revision % capacity] = toFeedEntry(row);
      newest = through;
    },
    oldest,
    reaches: (revision) => oldest() <= revision && revision <= newest,
    after(revision) {
      const told: FeedEntry[] = [];
      let through = revision;
      for (let bytes = 0; through < newest; through += 1) {
        const entry = entries[(through + 1) % capacity] ?? null;
        bytes += bytesOf(entry);
        if (bytes > MESSAGE_BYTES && told.length > 0) break;
        if (entry !== null) told.push(entry);
      }
      return { through, entries: told };
    },
    newest: () => newest,
  };
}

function toFeedEntry(row: RevocationRow): FeedEntry | null {
  return row.kind === "keys_changed" ? { kind: row.kind } : toLogEntry(row);
}

/** How much of a message an entry takes, or a little more. */
function bytesOf(entry: FeedEntry | null): number {
  if (entry === null) return 0;
  if (entry.kind === "keys_changed") return 16 * 1024;
  if (entry.kind !== "role_changed") return 96;
  return roleBytes(entry.role, entry.grants ?? []);
}
