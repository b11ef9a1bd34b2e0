/**
 * The audit trail: what happened to accounts, sessions, roles and keys.
 *
 * An event is stored in the transaction of what it tells of, and said in the log
 * soon after that is on disk. It names ids and cases, never what somebody typed.
 */
import type { Random } from "../lib/random.ts";
import type { Log } from "../log.ts";
import { insertAuditEvent } from "../store/queries/audit.ts";
import type { Tx } from "../store/store.ts";

/** What may happen. */
export type AuditKind =
  | "user_created"
  | "user_disabled"
  | "user_enabled"
  | "password_set"
  | "login"
  | "login_refused"
  | "logout"
  | "session_revoked"
  | "session_surplus"
  | "refresh_rotated"
  | "refresh_repeated"
  | "refresh_superseded"
  | "refresh_reused"
  | "refresh_from_future"
  | "roles_assigned"
  | "role_set"
  | "role_deleted"
  | "keys_created"
  | "keys_rotated"
  | "key_withdrawn"
  | "keys_rewrapped"
  | "restored"
  | "database_copied"
  | "service_created"
  | "service_revoked";

/** One event. Ids only; details hold counts, names of roles and cases. */
export type AuditEvent = {
  readonly kind: AuditKind;
  readonly userId?: string | null;
  readonly sessionId?: string | null;
  /** Who did it; absent for the command line and for those unknown. */
  readonly actor?: string | null;
  readonly details?: Readonly<Record<string, string | number | readonly string[]>>;
};

/** Keeps the trail. */
export type Audit = {
  /** Stores the event with the write, and says it once that is on disk. */
  readonly record: (tx: Tx, event: AuditEvent) => Promise<void>;
};

/** Kinds that somebody should look at. */
const ALARMING: ReadonlySet<AuditKind> = new Set(["refresh_reused", "refresh_from_future"]);
/** Kinds too frequent and too harmless to store; they are said all the same. */
const SAID_ONLY: ReadonlySet<AuditKind> = new Set(["refresh_rotated", "refresh_repeated"]);

type AuditDeps = {
  readonly random: Random;
  readonly log: Log;
  /** Told of each event once it is on disk. */
  readonly onRecorded?: (kind: AuditKind) => void;
};

/** An {@link Audit} that stores in the database and says in `log`. */
export function createAudit({ random, log, onRecorded = () => {} }: AuditDeps): Audit {
  return {
    async record(tx, { kind, userId = null, sessionId = null, actor = null, details = {} }) {
      if (!SAID_ONLY.has(kind)) {
        await insertAuditEvent(tx.db, {
          id: random.id("evt"),
          recorded_at: tx.now,
          kind,
          user_id: userId,
          session_id: sessionId,
          actor,
          details: JSON.stringify(details),
        });
      }
      const line = { event: kind, user_id: userId, session_id: sessionId, actor, ...details };
      tx.onCommit(() => {
        if (ALARMING.has(kind)) log.warn(line, "security event");
        else log.frequent({ ...line, msg: "security event" });
        onRecorded(kind);
      });
    },
  };
}
