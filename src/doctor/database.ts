/**
 * Examines the database file: the library that reads it, and whether it is ours, whole, of this version, and openable
 * with the keys given.
 */
import { existsSync } from "node:fs";
import type { Random } from "../lib/random.ts";
import { adviceOn, explainSeal } from "../store/seal.ts";
import { type FileReport, hasHotJournal, type LibraryReport } from "../store/sqlite/inspect-file.ts";
import { isSqliteError } from "../store/sqlite/outage.ts";
import { explainFault } from "../store/sqlite/unusable.ts";
import { UnusableDatabase } from "../store/unusable-database.ts";
import { loadMasterKeys, MasterKeyError, refuseLostDatabase } from "../tokens/master-key.ts";
import { type Finding, fine, wrong, wrongAsToldAtStart } from "./finding.ts";

/** Whether a database was lost; `null` if there is one. */
export function examineAbsence(file: string, dataDir: string): Finding | null {
  try {
    refuseLostDatabase(dataDir, file);
    return existsSync(file) ? null : fine("not there yet; the first start makes it");
  } catch (error) {
    if (error instanceof MasterKeyError) return wrongAsToldAtStart(error.message, "restore a backup");
    throw error;
  }
}

/** Whether the library is one that loses nothing. */
export function examineLibrary(inspect: () => LibraryReport): Finding {
  const mend =
    "install the dependencies again, for this machine and this Node: `npm ci` in a checkout; where Sallyport is " +
    "installed, remove node_modules and run `npm install`";
  try {
    const { version, isTooOld } = inspect();
    return isTooOld ? wrong(`SQLite ${version} can lose commits`, mend) : fine(`SQLite ${version}`);
  } catch (error) {
    return wrong(`SQLite cannot be loaded: ${messageOf(error)}`, mend);
  }
}

/** Why a file cannot be looked at, and what to do. */
export function examineFault(file: string, error: unknown): Finding {
  if (hasHotJournal(error)) {
    return wrong(
      `a change of ${file} was cut short by a crash, and is not undone yet`,
      "start the service, which undoes it, or run: sallyport migrate; then ask the doctor again",
    );
  }
  if (isSqliteError(error, /^SQLITE_(NOTADB|CORRUPT)/)) {
    return wrong(`${file} cannot be read: ${messageOf(error)}`, "restore a backup, then run: sallyport restored");
  }
  const told = explainFault(error, file);
  if (told instanceof UnusableDatabase) return wrongAsToldAtStart(told.message, "let this user read and write it");
  return wrong(`${file} cannot be looked at: ${messageOf(error)}`, "mend what is wrong with sqlite, above");
}

/** The first line: what the system says of an addon may go on. */
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).split("\n")[0];

/** Whether the file is ours and whole. */
export function examineIntegrity({ isOurs, integrity }: FileReport): Finding {
  if (!isOurs) return wrong("the file belongs to another application", "set SALLYPORT_DATA_DIR to another folder");
  if (integrity === "ok") return fine("whole");
  return wrong(integrity, "stop the service, restore a backup, then run: sallyport restored");
}

/** Why a database that is sealed does not serve; nothing of any other. `argument`: how commands name it. */
export function* examineSeal({ seal }: Pick<FileReport, "seal">, argument: string): Generator<Finding> {
  if (seal !== null) yield wrong(explainSeal(seal), adviceOn(seal, argument));
}

/** Whether the schema is of this version. */
export function examineSchema({ pending, unknown }: Pick<FileReport, "pending" | "unknown">): Finding {
  if (unknown.length > 0) return wrong(`written by a newer version (${unknown.join(", ")})`, "run that version");
  if (pending.length > 0) return fine(`older; the next start runs ${pending.join(", ")}`);
  return fine("of this version");
}

/** Whether tokens that are out name the issuer of the settings. */
export function examineIssuer({ issuer }: Pick<FileReport, "issuer">, stated: string): Finding {
  if (issuer === null || issuer === stated) return fine(stated);
  return wrong(
    `was ${issuer} at the last start, and is now ${stated}`,
    `set SALLYPORT_ISSUER to ${issuer}, or let everybody log in again`,
  );
}

/** Whether the master keys open the keys in the file. */
export async function examineMasterKey(
  { jwes }: Pick<FileReport, "jwes">,
  source: { readonly stated: readonly string[]; readonly dataDir: string; readonly random: Random },
): Promise<Finding> {
  if (jwes.length === 0) return fine("no key in the database needs it yet");
  try {
    const masterKeys = loadMasterKeys({ ...source, mayCreate: false });
    for (const jwe of jwes) await masterKeys.decrypt(jwe);
    return fine(`opens all ${jwes.length} keys`);
  } catch (error) {
    const advice = "give the master key that the database was made with";
    if (error instanceof MasterKeyError) return wrongAsToldAtStart(error.message, advice);
    return wrong("a key in the database is damaged", "restore a backup, then run: sallyport restored");
  }
}
