/**
 * All that a check needs, in memory: revocations, roles and services, and how far and how
 * freshly they follow the log. Whoever owns it applies entries in their order.
 */
import { createRevocationSet, type Revocation, type RevocationSet, type RevocationTables } from "./revocation-set.ts";
import { createRoleTable, type RoleGrants, type RoleTable } from "./role-table.ts";
import { createServiceTable, type ServiceTable } from "./service-table.ts";

/** A change that checks must know of. Times are milliseconds. */
export type LogEntry =
  | Revocation
  /** `grants` is `null` where the role was deleted. */
  | { readonly kind: "role_changed"; readonly role: string; readonly grants: readonly string[] | null };

/** Everything as of one revision. */
export type Snapshot = {
  readonly logId: string;
  readonly revision: number;
  readonly roles: readonly RoleGrants[];
  /** Belong to the knowledge that takes the snapshot over. */
  readonly revocations: RevocationTables;
};

/** What is known, and since when it is known to be the newest. */
export type Knowledge = {
  readonly revocations: RevocationSet;
  readonly roles: RoleTable;
  readonly services: ServiceTable;
  /** The log that `revision` counts in; empty before the first snapshot. */
  readonly logId: () => string;
  readonly revision: () => number;
  /** When the log was last read to its end, in milliseconds; 0 before the first time. */
  readonly asOf: () => number;
  /** How long ago that was at `now`, in whole milliseconds. A clock that was put back makes nothing younger. */
  readonly stalenessMs: (now: number) => number;
  /** Replaces everything. */
  readonly restart: (snapshot: Snapshot) => void;
  /** Applies entries, which lead from the present revision to `revision`. */
  readonly advance: (revision: number, entries: readonly LogEntry[]) => void;
  /** Notes that at `time` nothing newer existed. */
  readonly confirm: (time: number) => void;
};

/** Smaller steps back of a clock are its own affair, in milliseconds. */
const STEP_MS = 1_000;

/** The machine's own count of milliseconds, which no operator sets. */
const tick = () => performance.now();

/** Knowledge of nothing. */
export function createKnowledge(): Knowledge {
  const revocations = createRevocationSet();
  const roles = createRoleTable();
  const services = createServiceTable();
  let position = { logId: "", revision: 0 };
  let confirmedAt = 0;
  let confirmedTick = tick();

  function apply(entry: LogEntry): void {
    if (entry.kind !== "role_changed") revocations.note(entry);
    else if (entry.grants === null) roles.delete(entry.role);
    else roles.set(entry.role, entry.grants);
  }

  return {
    revocations,
    roles,
    services,
    logId: () => position.logId,
    revision: () => position.revision,
    asOf: () => confirmedAt,
    stalenessMs(now) {
      const told = Math.max(0, now - confirmedAt);
      // Whole, as the times are that are told.
      const counted = Math.ceil(tick() - confirmedTick);
      return counted - told > STEP_MS ? counted : told;
    },
    restart(snapshot) {
      revocations.adopt(snapshot.revocations);
      roles.clear();
      for (const { name, grants } of snapshot.roles) roles.set(name, grants);
      position = { logId: snapshot.logId, revision: snapshot.revision };
    },
    advance(revision, entries) {
      for (const entry of entries) apply(entry);
      position = { ...position, revision };
    },
    confirm(time) {
      // Earlier by more than that: the clock was ahead then, and has been put right, or back.
      confirmedAt = time < confirmedAt - STEP_MS ? time : Math.max(confirmedAt, time);
      confirmedTick = tick();
    },
  };
}
