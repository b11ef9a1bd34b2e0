/**
 * What the rest of Sallyport sees of a database: consistent reads, durable writes.
 * Says nothing of the engine; each engine implements this and passes one suite.
 */
import type { Kysely } from "kysely";
import type { Patience } from "../lib/patience.ts";
import type { Schema } from "./schema.ts";

/** Queries inside one read or write. Not to be kept after it. */
export type Queries = Kysely<Schema>;

/** A write under way: all of it is kept, or nothing. */
export type Tx = {
  readonly db: Queries;
  /** The database's time when the write began, in milliseconds. */
  readonly now: number;
  /** Whether rows that are read must be locked before they are changed; engines with one writer need not. */
  readonly locksRows: boolean;
  /** Runs `effect` once the write is on disk, and never otherwise. */
  readonly onCommit: (effect: () => void) => void;
  /** Hints to other processes, once the write is on disk, that the log has grown; absent where they see it themselves. */
  readonly announce?: () => void;
};

/** How a write goes about it. */
export type WriteManner = {
  /** Whether it asks for its first queries before it looks at `now`: then they go together with its beginning. */
  readonly asksFirst?: boolean;
};

/**
 * A database. Work is not begun once the patience of whoever asks is over, and what it then waits for, it waits for no
 * longer than that; but what is being committed is committed, whoever went away.
 */
export type Store = {
  /** Runs queries that all see one state of the database. `work` may run more than once. */
  readonly read: <T>(work: (db: Queries) => Promise<T>, patience?: Patience) => Promise<T>;
  /**
   * The same for queries that are put together once (compile-once.ts) and all asked for before any is answered: with
   * the least that goes to and fro.
   */
  readonly readAtOnce: <T>(work: (db: Queries) => Promise<T>, patience?: Patience) => Promise<T>;
  /**
   * Runs queries that are kept together. Resolves when they are on disk; a throw
   * from `work` undoes them and is passed on. `work` may run more than once, and
   * must await nothing but its own queries: others wait for it.
   * @throws Refusal UNAVAILABLE if the database cannot take the write in time; DEADLINE_EXCEEDED if nobody waited any
   * more when it was the write's turn.
   */
  readonly write: <T>(work: (tx: Tx) => Promise<T>, patience?: Patience, manner?: WriteManner) => Promise<T>;
  /**
   * Changes whenever anyone may have changed the database, this process included;
   * `null` where only reading tells.
   */
  readonly changeMarker: () => number | null;
  /**
   * Calls back when another process hints that the log has grown, or may have; ends with what it yields. A hint may
   * come in vain, or never. Absent where `changeMarker` tells.
   */
  readonly onHint?: (callback: () => void) => () => void;
  /** Closes after what is under way. */
  readonly close: () => Promise<void>;
};
