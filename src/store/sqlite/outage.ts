import { Refusal } from "../../errors.ts";

/** A database that is full, broken, in the way or sealed is unavailable; anything else is passed on as it is. */
export function refusalOf(error: unknown): unknown {
  const isOutage = isSqliteError(
    error,
    // The only triggers that there are belong to the seal.
    /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|CONSTRAINT_TRIGGER)/,
  );
  return isOutage ? new Refusal("UNAVAILABLE", { retryAfterMs: 1000, cause: error }) : error;
}

/** Whether the error is SQLite's, with a result code of this form. */
export function isSqliteError(error: unknown, code: RegExp): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && code.test(error.code);
}
