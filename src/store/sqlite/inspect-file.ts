import { accessSync, constants, statSync } from "node:fs";
import Database from "better-sqlite3";
import { MIGRATION_NAMES } from "../migrate.ts";
import { parseSeal, type Seal } from "../seal.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import { APPLICATION_ID, libraryVersion } from "./connection.ts";
import { isSqliteError } from "./outage.ts";
import { explainFault } from "./unusable.ts";

/** The version of the SQLite library, and whether it is too old to be trusted. */
export type LibraryReport = ReturnType<typeof libraryVersion>;

/** What a look at a database file tells. */
export type FileReport = {
  readonly isOurs: boolean;
  /** What `PRAGMA quick_check` says; `ok` if nothing is wrong. */
  readonly integrity: string;
  /** Migrations that this version has and the file has not seen. */
  readonly pending: readonly string[];
  /** Migrations that the file has seen and this version does not know. */
  readonly unknown: readonly string[];
  /** The issuer at the last start, or `null`. */
  readonly issuer: string | null;
  /** The latest time of any event in the file, in milliseconds; 0 if there is none. */
  readonly latestTime: number;
  /** Encrypted keys. */
  readonly jwes: readonly string[];
  /** Where it was copied to, if it was. */
  readonly seal: Seal | null;
};

/** The SQLite library. @throws what the system says of an addon that cannot be loaded. */
export function inspectLibrary(): LibraryReport {
  const connection = new Database(":memory:");
  try {
    return libraryVersion(connection);
  } finally {
    connection.close();
  }
}

/**
 * Looks through the whole file, if there is one, for damage; undoes what a crash cut short, if it left a journal.
 * @throws UnusableDatabase if there is any.
 */
export function refuseDamage(file: string): void {
  let said: unknown;
  try {
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return;
    // Of a file that is not for writing, a look alone would leave files beside it that are not either.
    accessSync(file, constants.R_OK | constants.W_OK);
    said = quickCheck(file);
  } catch (error) {
    throw explainFault(error, file);
  }
  if (said !== "ok") throw new UnusableDatabase(`${file} is damaged (${said}); ${RESTORE}`);
}

/** Looks without writing where it can; who must undo something first, may write. */
function quickCheck(file: string): unknown {
  try {
    return checkAs(file, { readonly: true });
  } catch (error) {
    if (!hasHotJournal(error)) throw error;
    return checkAs(file, { readonly: false });
  }
}

function checkAs(file: string, { readonly }: { readonly readonly: boolean }): unknown {
  const connection = new Database(file, { readonly, fileMustExist: true });
  try {
    return connection.pragma("quick_check(1)", { simple: true });
  } finally {
    connection.close();
  }
}

/**
 * Whether somebody who may only read was refused because a change was cut short: the next one to write undoes it
 * (https://sqlite.org/atomiccommit.html#hotjrnl).
 */
export function hasHotJournal(error: unknown): boolean {
  return isSqliteError(error, /^SQLITE_READONLY_ROLLBACK$/);
}

const RESTORE = "restore it from a backup and run `sallyport restored`, or set SALLYPORT_DATA_DIR to another folder";

/** Looks at a database file without changing it. @throws what SQLite says of a file that it cannot read. */
export function inspectFile(file: string): FileReport {
  const connection = new Database(file, { readonly: true, fileMustExist: true });
  const column = (table: string, query: string): unknown[] => {
    const exists = connection.prepare("select 1 from sqlite_schema where name = ?").get(table) !== undefined;
    return exists ? connection.prepare(query).pluck().all() : [];
  };
  try {
    const applied = column("kysely_migration", "select name from kysely_migration").map(String);
    const [issuer] = column("meta", "select value from meta where name = 'issuer'");
    const [seal] = column("meta", "select value from meta where name = 'seal'");
    const [latestTime] = column("audit_events", "select max(recorded_at) from audit_events");
    return {
      isOurs: connection.pragma("application_id", { simple: true }) === APPLICATION_ID,
      integrity: String(connection.pragma("quick_check", { simple: true })),
      pending: MIGRATION_NAMES.filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !MIGRATION_NAMES.includes(name)),
      issuer: typeof issuer === "string" ? issuer : null,
      latestTime: Number(latestTime ?? 0),
      jwes: column("signing_keys", "select private_jwe from signing_keys").map(String),
      seal: parseSeal(typeof seal === "string" ? seal : null),
    };
  } finally {
    connection.close();
  }
}
