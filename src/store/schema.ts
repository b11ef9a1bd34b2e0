/**
 * The tables, the same on every engine. Times are milliseconds since the epoch of
 * Unix by the database's clock; booleans are 0 or 1; lists are JSON texts.
 */

type UsersTable = {
  /** `usr_` and a UUIDv7. */
  id: string;
  username: string;
  email: string | null;
  email_verified: number;
  /** PHC string. */
  password_hash: string;
  state: "active" | "disabled";
  /** Privilege version: tokens of lower epochs are void. */
  epoch: number;
  create_time: number;
};

type RolesTable = {
  name: string;
  built_in: number;
  /** When it was deleted; the row then only keeps the name from returning too soon. */
  deleted_at: number | null;
};

type RolePermissionsTable = { role: string; permission: string };

type UserRolesTable = { user_id: string; role: string };

type SessionsTable = {
  /** `ses_` and a UUIDv7. */
  id: string;
  user_id: string;
  /** Of the newest refresh token; counts from 1. */
  generation: number;
  /** When that refresh token was issued. */
  rotated_at: number;
  /** SHA-256 of the attempt id of that rotation, base64url. */
  attempt_hash: string | null;
  /** When that refresh token expires. */
  refresh_expires_at: number;
  absolute_expires_at: number;
  /** JSON array of strings. */
  audiences: string;
  device_name: string;
  auth_time: number;
  /** The latest expiry of any access token of the session. */
  access_expires_at: number;
  ended_at: number | null;
};

/** Rotations within the grace time, but for the newest, which the session itself tells. */
type SessionRotationsTable = {
  session_id: string;
  /** The generation that was exchanged. */
  generation: number;
  rotated_at: number;
};

/** One row. */
type RevocationLogTable = {
  id: 1;
  log_id: string;
  /** The newest revision; 0 while the log is empty. */
  revision: number;
  /** Entries up to this revision may have been forgotten. */
  floor: number;
};

type RevocationsTable = {
  revision: number;
  kind: "session_ended" | "user_epoch" | "role_changed" | "keys_changed" | "services_changed";
  /** A session id, user id, role name, key id or service id. */
  subject: string;
  /** `user_epoch`: the epoch. `role_changed`: JSON array of grants, `null` where the role was deleted. */
  value: string | null;
  recorded_at: number;
  /** When no token is left that the entry concerns. */
  expires_at: number;
};

type SigningKeysTable = {
  kid: string;
  use: "access" | "refresh";
  algorithm: string;
  state: "next" | "active" | "retired";
  /** The private JWK as a JWE (RFC 7516) under a master key. */
  private_jwe: string;
  created_at: number;
  /** When the last token that it signed is dead; set on retirement. */
  expires_at: number | null;
};

type ServicesTable = {
  /** `svc_` and a UUIDv7. */
  id: string;
  /** What people call it; unique among those that are not revoked. */
  name: string;
  /** SHA-256 of the API key, base64url. The key has 256 random bits: nothing slower is needed. */
  key_hash: string;
  /** JSON array of permissions. */
  permissions: string;
  created_at: number;
  /** Within a minute; `null` if it was never used. */
  last_used_at: number | null;
  revoked_at: number | null;
};

type AuditEventsTable = {
  /** `evt_` and a UUIDv7. */
  id: string;
  recorded_at: number;
  kind: string;
  /** Whom it concerns. */
  user_id: string | null;
  session_id: string | null;
  /** Who did it: a user id, or `null` for the command line and for those unknown. */
  actor: string | null;
  /** JSON object. */
  details: string;
};

type MetaTable = { name: string; value: string };

/** All tables, for Kysely. */
export type Schema = {
  users: UsersTable;
  roles: RolesTable;
  role_permissions: RolePermissionsTable;
  user_roles: UserRolesTable;
  sessions: SessionsTable;
  session_rotations: SessionRotationsTable;
  revocation_log: RevocationLogTable;
  revocations: RevocationsTable;
  signing_keys: SigningKeysTable;
  services: ServicesTable;
  audit_events: AuditEventsTable;
  meta: MetaTable;
};
