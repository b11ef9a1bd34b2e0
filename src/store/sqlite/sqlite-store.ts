/**
 * The store on one SQLite file: a connection that writes, in groups, and one that
 * reads, so that no reader sees what is not yet committed. Other processes may
 * have the same file open; `PRAGMA data_version` tells when they changed it.
 */
import { Kysely } from "kysely";
import { Refusal } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { migrate } from "../migrate.ts";
import type { Schema } from "../schema.ts";
import type { Queries, Store, Tx } from "../store.ts";
import { type Connection, openConnection } from "./connection.ts";
import { sqliteDialect } from "./dialect.ts";
import { createGroupCommit } from "./group-commit.ts";
import { refusalOf } from "./outage.ts";

/** While SQLite waits for a lock the event loop stands still: short, and tried again by us. */
const BUSY_TIMEOUT_MS = 20;

type SqliteStoreOptions = {
  readonly file: string;
  /** SQLite has no clock of its own: the machine's, handed in. */
  readonly clock: Clock;
};

/**
 * Opens the file, makes or updates its schema, and serves it.
 * @throws UnusableDatabase if it cannot serve, or was written by a newer version.
 */
export async function openSqliteStore({ file, clock }: SqliteStoreOptions): Promise<Store> {
  const writer = await openConnection(file);
  try {
    const db = new Kysely<Schema>({ dialect: sqliteDialect(writer) });
    await migrate(db);
    const reader = await openConnection(file);
    for (const connection of [writer, reader]) connection.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return createStore(writer, db, reader, clock);
  } catch (error) {
    writer.close();
    throw error;
  }
}

/** Makes or updates the schema of the file and closes it; the names of the migrations that were run. */
export async function migrateSqliteFile(file: string): Promise<readonly string[]> {
  const connection = await openConnection(file);
  try {
    return await migrate(new Kysely<Schema>({ dialect: sqliteDialect(connection) }));
  } finally {
    connection.close();
  }
}

function createStore(writer: Connection, writeQueries: Queries, reader: Connection, clock: Clock): Store {
  const readQueries = new Kysely<Schema>({ dialect: sqliteDialect(reader) });
  const groups = createGroupCommit(writer);
  let reads: Promise<unknown> = Promise.resolve();
  let closed = false;

  /** One after the other: a snapshot belongs to the connection, which they share. */
  function read<T>(work: (db: Queries) => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new Refusal("UNAVAILABLE"));
    const result = reads.then(() => inSnapshot(reader, () => work(readQueries)));
    reads = result.catch(() => {});
    return result;
  }

  async function write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (closed) throw new Refusal("UNAVAILABLE");
    const effects: (() => void)[] = [];
    const value = await groups.run(() =>
      work({
        db: writeQueries,
        now: clock.now(),
        locksRows: false,
        onCommit: (effect) => void effects.push(effect),
      }),
    );
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

  return { read, write, close, changeMarker: () => Number(reader.pragma("data_version", { simple: true })) };
}

async function inSnapshot<T>(reader: Connection, work: () => Promise<T>): Promise<T> {
  reader.exec("begin");
  try {
    return await work();
  } catch (error) {
    throw refusalOf(error);
  } finally {
    reader.exec("commit");
  }
}
