import { fileFault } from "../../lib/file-fault.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import { isSqliteError } from "./outage.ts";

/** What to say of a file that SQLite, or the system, cannot work with; any other error as it is. */
export function explainFault(error: unknown, file: string): unknown {
  const [, toldBySqlite] = SQLITE_FAULTS.find(([code]) => isSqliteError(error, code)) ?? [];
  if (toldBySqlite !== undefined) return new UnusableDatabase(`${file} ${toldBySqlite}`, { cause: error });
  const told = fileFault(error);
  return told === null ? error : new UnusableDatabase(`${file} cannot be used: ${told}`, { cause: error });
}

/** By result code (https://sqlite.org/rescode.html). */
const SQLITE_FAULTS: readonly (readonly [RegExp, string])[] = [
  [
    /^SQLITE_(NOTADB|CORRUPT)/,
    "is damaged, or no SQLite database at all; restore it from a backup and run `sallyport restored`, or set SALLYPORT_DATA_DIR to another folder",
  ],
  [/^SQLITE_FULL/, "cannot grow: its disk is full; make room there"],
  [/^SQLITE_IOERR/, "cannot be read or written; see whether its disk is full or broken"],
  [
    /^SQLITE_(READONLY|CANTOPEN|PERM)/,
    "cannot be opened for writing; give it and its folder to the user who runs this, on a file system that is mounted for writing",
  ],
  [/^SQLITE_(BUSY|LOCKED)/, "is locked by another process; end that one"],
];
