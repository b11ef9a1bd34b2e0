import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { isSqliteError } from "./outage.ts";

/** The oldest library without the WAL-reset bug, which could lose a commit. */
const OLDEST = [3, 51, 3] as const;

/** Marks a file as ours (`PRAGMA application_id`): "SALY" in ASCII. */
export const APPLICATION_ID = 0x53_41_4c_59;

/** How long to wait for another process that starts at the same time. */
const PATIENT_MS = 10_000;
const RETRY_MS = 5;

/** An open SQLite file. */
export type Connection = Database.Database;

/** A file that cannot serve as the database; the message says why and what to do. */
export class UnusableDatabase extends Error {
  override readonly name = "UnusableDatabase";
}

/**
 * Opens a connection with our guarantees: write-ahead log, `synchronous=FULL` (a
 * commit is on disk when it returns), foreign keys. Makes the file if there is none.
 * @throws UnusableDatabase if the library is too old, or the file is damaged or another application's.
 */
export async function openConnection(file: string): Promise<Connection> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // SQLite would make it readable by others; what it makes beside it takes the same mode.
  closeSync(openSync(file, "a", 0o600));
  const connection = new Database(file);
  try {
    refuseOldLibrary(connection);
    connection.pragma(`busy_timeout = ${PATIENT_MS}`);
    claim(connection, file);
    await switchToWal(connection);
    connection.pragma("synchronous = FULL");
    connection.pragma("foreign_keys = ON");
    connection.pragma("trusted_schema = OFF");
    return connection;
  } catch (error) {
    connection.close();
    throw explainDamage(error, file);
  }
}

/** What to say of a file that SQLite cannot make sense of; any other error as it is. */
export function explainDamage(error: unknown, file: string): unknown {
  if (!isSqliteError(error, /^SQLITE_(NOTADB|CORRUPT)/)) return error;
  const advice = "restore it from a backup, or set SALLYPORT_DATA_DIR to another folder";
  return new UnusableDatabase(`${file} is damaged, or no SQLite database at all; ${advice}`, { cause: error });
}

/** The version of the SQLite library, and whether it is too old to be trusted. */
export function libraryVersion(connection: Connection): { readonly version: string; readonly isTooOld: boolean } {
  const version = String(connection.prepare("select sqlite_version()").pluck().get());
  const parts = version.split(".").map(Number);
  const difference = OLDEST.map((part, index) => (parts[index] ?? 0) - part).find((delta) => delta !== 0) ?? 0;
  return { version, isTooOld: difference < 0 };
}

function refuseOldLibrary(connection: Connection): void {
  const { version, isTooOld } = libraryVersion(connection);
  if (isTooOld) {
    throw new UnusableDatabase(`SQLite ${version} can lose commits; install one of at least ${OLDEST.join(".")}`);
  }
}

function claim(connection: Connection, file: string): void {
  const isOurs = () => connection.pragma("application_id", { simple: true }) === APPLICATION_ID;
  if (isOurs()) return;
  // Under the write lock: another process may be making the database at this moment.
  const markAsOurs = connection.transaction(() => {
    if (isOurs()) return;
    const tables = connection.prepare("select count(*) from sqlite_schema").pluck().get();
    if (connection.pragma("application_id", { simple: true }) !== 0 || tables !== 0) {
      throw new UnusableDatabase(`${file} belongs to another application; set SALLYPORT_DATA_DIR to another folder`);
    }
    connection.pragma(`application_id = ${APPLICATION_ID}`);
  });
  markAsOurs.immediate();
}

/** Waits between tries by itself: for this one change of lock SQLite does not heed the busy timeout. */
async function switchToWal(connection: Connection): Promise<void> {
  for (let waited = 0; ; waited += RETRY_MS) {
    try {
      connection.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      if (!isSqliteError(error, /^SQLITE_BUSY/) || waited >= PATIENT_MS) throw error;
      await pause(RETRY_MS);
    }
  }
}
