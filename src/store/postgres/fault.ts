/** What goes wrong with PostgreSQL, told apart by what is to be done about it. */
import { DatabaseError } from "pg";
import { Refusal } from "../../errors.ts";

/**
 * What PostgreSQL, or the way to it, reported. Without what its own error adds in `detail` and elsewhere: the rows
 * that were refused, and with them whatever is in their columns.
 */
export class PostgresFault extends Error {
  override readonly name = "PostgresFault";
  /** SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), or the system's code; or empty. */
  readonly code: string;
  readonly constraint: string | null;
  readonly kind: FaultKind;

  constructor(error: Error) {
    super(error instanceof DatabaseError ? saidBy(error) : messageOf(error));
    this.code = codeOf(error);
    this.constraint = (error instanceof DatabaseError && error.constraint) || null;
    this.kind = error instanceof DatabaseError ? kindOf(error) : "lost";
  }
}

/**
 * - `conflict`: with another transaction; the next try may do.
 * - `duplicate`: of what another transaction may just have added; the next try sees it.
 * - `lost`: the connection, or what it was good for; the next try needs another one.
 * - `outage`: the database cannot do it now.
 * - `fault`: the statement is wrong.
 */
export type FaultKind = "conflict" | "duplicate" | "lost" | "outage" | "fault";

/** What the driver says of a statement that is not answered in time. */
export const NO_ANSWER = "Query read timeout";

/** An error of the driver as a {@link PostgresFault}. */
export function toFault(error: unknown): PostgresFault {
  return error instanceof PostgresFault ? error : new PostgresFault(error instanceof Error ? error : new Error("none"));
}

/** What to throw: UNAVAILABLE where the database cannot do it now; anything else as it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof PostgresFault) || error.kind === "fault" || error.kind === "duplicate") return error;
  return unavailable(error);
}

/** UNAVAILABLE, for this reason. */
export function unavailable(cause: unknown): Refusal {
  return new Refusal("UNAVAILABLE", { retryAfterMs: 1000, cause });
}

function kindOf({ code = "", routine }: DatabaseError): FaultKind {
  // Planned before a newer version of Sallyport changed the table.
  if (code === "0A000" && routine === "RevalidateCachedQuery") return "lost";
  return KINDS.find(([codes]) => codes.test(code))?.[1] ?? "fault";
}

/** What a database that is sealed says of every change; of a class that is nobody's. */
export const SEALED_STATE = "SAL01";

const KINDS: readonly (readonly [RegExp, FaultKind])[] = [
  // Serialization failure, deadlock.
  [/^(40001|40P01)$/, "conflict"],
  [/^23505$/, "duplicate"],
  // Connection exceptions; ended by the administrator, a crash, or for idling; a primary no more; a forgotten statement.
  [/^(08...|57P01|57P02|57P04|57P05|25P03|25006|26000)$/, "lost"],
  // Resources, too many connections; cancelled or timed out; starting up or stopping; locks; the system; damage.
  [/^(53...|57014|57P03|55P03|58...|XX00[12])$/, "outage"],
  [new RegExp(`^${SEALED_STATE}$`), "outage"],
  // May not log in, no such database: of a server that worked before, for a while.
  [/^(28...|3D000)$/, "outage"],
];

/** Of bad data PostgreSQL quotes the data. */
function saidBy({ code = "", message }: DatabaseError): string {
  return code.startsWith("22") ? `the database refused a value (${code})` : `${message} (${code})`;
}

/** The system tells of several addresses that were tried in vain by an error that holds the others, and says nothing. */
function messageOf(error: Error): string {
  if (!(error instanceof AggregateError)) return error.message;
  return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join("; ");
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
