/** Entries of the log as they are stored, and as checks understand them. */
import type { LogEntry } from "../check/knowledge.ts";
import type { ServicePrincipal } from "../check/service-table.ts";
import { appendRevocation, type RevocationRow } from "../store/queries/revocations.ts";
import { permissionsOf, type ServiceRow } from "../store/queries/services.ts";
import { latestAccessExpiry, markEnded, type SessionRow } from "../store/queries/sessions.ts";
import { raiseEpoch } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";

/** Ends the session and says so in the log; its revision, or `null` if it was over before. */
export async function endSession(tx: Tx, session: SessionRow): Promise<number | null> {
  if (session.ended_at !== null) return null;
  await markEnded(tx, session.id);
  return appendRevocation(tx, {
    kind: "session_ended",
    subject: session.id,
    value: null,
    expires_at: session.access_expires_at,
  });
}

/** Voids the tokens that were issued to the user with its present privileges; the revision. */
export async function voidPrivileges(tx: Tx, userId: string): Promise<number> {
  const epoch = await raiseEpoch(tx.db, userId);
  const expiresAt = await latestAccessExpiry(tx.db, userId);
  return appendRevocation(tx, { kind: "user_epoch", subject: userId, value: String(epoch), expires_at: expiresAt });
}

/** Says in the log what a role grants from now on, or that it is gone; the revision. */
export async function announceRole(
  tx: Tx,
  role: string,
  grants: readonly string[] | null,
  maxAccessTtlMs: number,
): Promise<number> {
  const value = grants === null ? null : JSON.stringify(grants);
  return appendRevocation(tx, { kind: "role_changed", subject: role, value, expires_at: tx.now + maxAccessTtlMs });
}

/** Says in the log that keys came, moved on or went; the revision. */
export async function announceKeys(tx: Tx, kid: string, maxAccessTtlMs: number): Promise<number> {
  return appendRevocation(tx, { kind: "keys_changed", subject: kid, value: null, expires_at: tx.now + maxAccessTtlMs });
}

/** Says in the log that a service credential came or went; the revision. */
export async function announceService(tx: Tx, serviceId: string): Promise<number> {
  return appendRevocation(tx, { kind: "services_changed", subject: serviceId, value: null, expires_at: tx.now });
}

/** The entry as checks understand it; `null` for news of keys and services, which are read from their tables. */
export function toLogEntry({ kind, subject, value, expires_at }: RevocationRow): LogEntry | null {
  switch (kind) {
    case "session_ended":
      return { kind, sessionId: subject, expiresAt: expires_at };
    case "user_epoch":
      return { kind, userId: subject, epoch: Number(value), expiresAt: expires_at };
    case "role_changed":
      return { kind, role: subject, grants: value === null ? null : parseGrants(value) };
    case "keys_changed":
    case "services_changed":
      return null;
  }
}

/** A service as checks know it, under the hash of its key. */
export function toServiceEntry(row: ServiceRow): readonly [string, ServicePrincipal] {
  return [row.key_hash, { serviceId: row.id, name: row.name, permissions: permissionsOf(row) }];
}

function parseGrants(text: string): readonly string[] {
  const grants: unknown = JSON.parse(text);
  return Array.isArray(grants) ? grants.map(String) : [];
}
