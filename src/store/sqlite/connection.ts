import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { UnusableDatabase } from "../unusable-database.ts";
import { makeDatabaseFile } from "./database-file.ts";
import { isSqliteError } from "./outage.ts";
import { explainFault } from "./unusable.ts";

/** The oldest library without the WAL-reset bug, which could lose a commit. */
const OLDEST = [3, 51, 3] as const;

/** Marks a file as ours (`PRAGMA application_id`): "SALY" in ASCII. */
export const APPLICATION_ID = 0x53_41_4c_59;

/** How long to wait for another process that starts at the same time. */
const PATIENT_MS = 10_000;
const RETRY_MS = 5;

/** An open SQLite file. */
export type Connection = Database.Database;

/**
 * Opens a connection with our guarantees: write-ahead log, `synchronous=FULL` (a
 * commit is on disk when it returns), foreign keys. Makes the file if there is none.
 * @throws UnusableDatabase if the library is too old, or the file cannot be written, is damaged or another
 * application's.
 */
export async function openConnection(file: string): Promise<Connection> {
  makeDatabaseFile(file);
  const connection = open(file);
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
    throw explainFault(error, file);
  }
}

function open(file: string): Connection {
  try {
    return new Database(file);
  } catch (error) {
    throw explainFault(error, file);
  }
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
