/** Examines the database on PostgreSQL: whether it can be reached and trusted, and is of this version. */
import { TOLERANCE_MS } from "../lib/clock.ts";
import type { ServerReport } from "../store/postgres/inspect-server.ts";
import { UnusableDatabase } from "../store/unusable-database.ts";
import { type Finding, fine, wrong, wrongAsToldAtStart } from "./finding.ts";

/** Why the server cannot be looked at, and what to do. */
export function examineServerFault(error: unknown): Finding {
  if (error instanceof UnusableDatabase) return wrongAsToldAtStart(error.message, "see whether the server runs");
  throw error;
}

/** Whether the server takes writes, keeps what it acknowledges, and has room for the connections that are wanted. */
export function examineServer(report: ServerReport, wanted: number): Finding {
  const { name, version, isStandby, isDurable, isEncrypted, maxConnections } = report;
  if (isStandby) return wrong(`${name} follows another server, and takes no writes`, "name the primary");
  if (!isDurable) {
    return wrong(
      `${name} does not write to its disk what it acknowledges (fsync or full_page_writes is off)`,
      "set both to on there, or lose changes with the power",
    );
  }
  if (maxConnections < wanted) {
    return wrong(
      `${name} allows ${maxConnections} connections, and this instance alone may take ${wanted}`,
      "raise max_connections there, or lower SALLYPORT_DATABASE_CONNECTIONS, which each worker may take",
    );
  }
  return fine(`${name} is PostgreSQL ${version}, ${isEncrypted ? "by TLS" : "in cleartext"}`);
}

/** Whether the clock of this machine is that of the server, by which everything is timed. */
export function examineServerClock({ aheadMs }: ServerReport): Finding {
  if (Math.abs(aheadMs) <= TOLERANCE_MS) return fine("that of the database, or nearly");
  return wrong(
    `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? "ahead of" : "behind"} the database's`,
    "set both by NTP; an instance that is off takes no work",
  );
}
