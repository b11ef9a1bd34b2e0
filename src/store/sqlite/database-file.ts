/** The database's file and the folder around it: both belong to their owner alone. */
import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fileFault } from "../../lib/file-fault.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import { explainFault } from "./unusable.ts";

/**
 * Makes the file, empty, and its folder, unless they are there. The folder above
 * must exist: one that does not is a slip of the pen, or a disk that is not mounted.
 * @throws UnusableDatabase if that cannot be.
 */
export function makeDatabaseFile(file: string): void {
  makeFolder(dirname(file));
  try {
    // Never one that is there: to close it here would end the locks that SQLite holds on it in this process, and the
    // next program to close it would remove the log that we write to (https://sqlite.org/howtocorrupt.html, 2.2).
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory()) throw new UnusableDatabase(`${file} cannot be used: it is a folder; move it away`);
    // One that is not for writing SQLite would read, and leave files beside it that are not for writing either.
    if (found !== undefined) accessSync(file, constants.R_OK | constants.W_OK);
    // SQLite would make it readable by others; what it makes beside it takes the same mode.
    else closeSync(openSync(file, "ax", 0o600));
  } catch (error) {
    if (!isThere(error)) throw explainFault(error, file);
  }
}

function makeFolder(folder: string): void {
  try {
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (isThere(error)) return;
    const told = fileFault(error);
    if (told === null) throw error;
    const advice = "set SALLYPORT_DATA_DIR to another folder";
    throw new UnusableDatabase(`the data folder ${folder} cannot be made: ${told}, or ${advice}`, { cause: error });
  }
}

/** Another process that starts at the same moment may have been first. */
function isThere(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}
