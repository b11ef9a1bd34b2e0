/** Rows to begin with; a test states what matters to it. */
import type { Selectable } from "kysely";
import type { Schema } from "../../../src/store/schema.ts";

/** A whole second of the year 2026: more milliseconds than 32 bits hold, as every time in the database. */
export const THEN = 1_780_000_000_000;

type Row<Table extends keyof Schema> = Selectable<Schema[Table]>;

/** A user called like its id. */
export function userRow(id: string, columns: Partial<Row<"users">> = {}): Row<"users"> {
  return {
    id,
    username: id,
    email: null,
    email_verified: 0,
    password_hash: `hash of ${id}`,
    state: "active",
    epoch: 1,
    create_time: THEN,
    ...columns,
  };
}

/** A session that lives for a day from {@link THEN}. */
export function sessionRow(id: string, userId: string, columns: Partial<Row<"sessions">> = {}): Row<"sessions"> {
  return {
    id,
    user_id: userId,
    generation: 1,
    rotated_at: THEN,
    attempt_hash: null,
    refresh_expires_at: THEN + 86_400_000,
    absolute_expires_at: THEN + 7 * 86_400_000,
    audiences: '["sallyport"]',
    device_name: "",
    auth_time: THEN,
    access_expires_at: THEN + 600_000,
    ended_at: null,
    ...columns,
  };
}

/** A signing key that is active. */
export function keyRow(kid: string, columns: Partial<Row<"signing_keys">> = {}): Row<"signing_keys"> {
  return {
    kid,
    use: "access",
    algorithm: "ES256",
    state: "active",
    private_jwe: `jwe of ${kid}`,
    created_at: THEN,
    expires_at: null,
    ...columns,
  };
}

/** A service credential called like its id. */
export function serviceRow(id: string, columns: Partial<Row<"services">> = {}): Row<"services"> {
  return {
    id,
    name: id,
    key_hash: `hash of ${id}`,
    permissions: "[]",
    created_at: THEN,
    last_used_at: null,
    revoked_at: null,
    ...columns,
  };
}

/** An audit event of nobody. */
export function auditRow(id: string, columns: Partial<Row<"audit_events">> = {}): Row<"audit_events"> {
  return {
    id,
    recorded_at: THEN,
    kind: "login",
    user_id: null,
    session_id: null,
    actor: null,
    details: "{}",
    ...columns,
  };
}
