/**
 * The store on one SQLite file: a connection that writes, in groups, and one that
 * reads, so that no reader sees what is not yet committed. Other processes may
 * have the same file open; `PRAGMA data_version` tells when they changed it.
 */
import { Refusal } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { isOver, type Patience } from "../../lib/patience.ts";
import { migrate } from "../migrate.ts";
import type { Queries, Store, Tx } from "../store.ts";
import { type Connection, openConnection } from "./connection.ts";
import { type Control, createControl } from "./control.ts";
import { queriesInTransactionOn, queriesOn } from "./dialect.ts";
import { refuseSealedFile } from "./file-schema.ts";
import { createGroupCommit, type GroupCommit } from "./group-commit.ts";
import { refusalOf } from "./outage.ts";
import { explainFault } from "./unusable.ts";

/** While SQLite waits for a lock the event loop stands still: readers wait for moments, the writer not at all. */
const READER_BUSY_TIMEOUT_MS = 20;

type SqliteStoreOptions = {
  readonly file: string;
  /** SQLite has no clock of its own: the machine's, handed in. */
  readonly clock: Clock;
  /** How long to try while another process holds the write lock, in milliseconds. */
  readonly lockPatienceMs?: number;
};

const LOCK_PATIENCE_MS = 5_000;

/**
 * Opens the file, makes or updates its schema, and serves it.
 * @throws UnusableDatabase if it cannot serve, UnusableSchema if it was written by a newer version, SealedDatabase.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, clock, lockPatienceMs = LOCK_PATIENCE_MS } = options;
  const writer = await openConnection(file);
  try {
    await refuseSealedFile(writer, file);
    await migrate(queriesOn(writer));
    const reader = await openConnection(file);
    writer.pragma("busy_timeout = 0");
    reader.pragma(`busy_timeout = ${READER_BUSY_TIMEOUT_MS}`);
    return createStore({ groups: createGroupCommit(writer, lockPatienceMs), writer, reader, clock });
  } catch (error) {
    writer.close();
    throw explainFault(error, file);
  }
}

/** Makes or updates the schema of the file and closes it; the names of the migrations that were run. */
export async function migrateSqliteFile(file: string): Promise<readonly string[]> {
  const connection = await openConnection(file);
  try {
    await refuseSealedFile(connection, file);
    return await migrate(queriesOn(connection));
  } catch (error) {
    throw explainFault(error, file);
  } finally {
    connection.close();
  }
}

type Parts = {
  readonly groups: GroupCommit;
  readonly writer: Connection;
  readonly reader: Connection;
  readonly clock: Clock;
};

function createStore({ groups, writer, reader, clock }: Parts): Store {
  const db = queriesInTransactionOn(writer);
  const readQueries = queriesOn(reader);
  const control = createControl(reader);
  const dataVersion = reader.prepare("pragma data_version").pluck();
  let reads: Promise<unknown> = Promise.resolve();
  let closed = false;

  /** One after the other: a snapshot belongs to the connection, which they share. */
  function read<T>(work: (db: Queries) => Promise<T>, patience?: Patience): Promise<T> {
    if (closed) return Promise.reject(new Refusal("UNAVAILABLE"));
    const result = reads.then(() => {
      if (isOver(patience)) throw new Refusal("DEADLINE_EXCEEDED");
      return inSnapshot(reader, control, () => work(readQueries));
    });
    reads = result.catch(() => {});
    return result;
  }

  async function write<T>(work: (tx: Tx) => Promise<T>, patience?: Patience): Promise<T> {
    if (closed) throw new Refusal("UNAVAILABLE");
    const effects: (() => void)[] = [];
    const run = () => work({ db, now: clock.now(), locksRows: false, onCommit: (effect) => void effects.push(effect) });
    const value = await groups.run(run, patience);
    for (const effect of effects) effect();
    return value;
  }

  async function close(): Promise<void> {
    closed = true;
    await groups.idle();
    await reads;
    reader.close();
    writer.close();
  }

  /** Inside a snapshot SQLite tells the version of the snapshot, which may be past. */
  function changeMarker(): number | null {
    return reader.inTransaction ? null : Number(dataVersion.get());
  }

  return { read, readAtOnce: read, write, close, changeMarker };
}

async function inSnapshot<T>(reader: Connection, control: Control, work: () => Promise<T>): Promise<T> {
  control.begin();
  try {
    return await work();
  } catch (error) {
    throw refusalOf(error);
  } finally {
    if (reader.inTransaction) control.commit();
  }
}
