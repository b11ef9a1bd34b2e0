/**
 * The tables one by one, for work on the database as a whole. Those that others refer to come first, so that rows can
 * be added in this order; and those that writes lock first come first, so that whoever locks them all meets nobody who
 * waits for them the other way round.
 */
import type { Schema } from "./schema.ts";

/** The name of a table. */
export type TableName = keyof Schema;

/** How a table is read from one end to the other. */
export type TableLayout = {
  readonly name: TableName;
  /** The primary key, by whose order rows are read. */
  readonly key: readonly string[];
  /** Every column, in the order in which values are given. */
  readonly columns: readonly string[];
};

/** The columns, all of them, as the compiler sees to. */
type Columns<Table extends TableName> = Readonly<Record<keyof Schema[Table], "key" | "value">>;

const COLUMNS: { readonly [Table in TableName]: Columns<Table> } = {
  users: {
    id: "key",
    username: "value",
    email: "value",
    email_verified: "value",
    password_hash: "value",
    state: "value",
    epoch: "value",
    create_time: "value",
  },
  sessions: {
    id: "key",
    user_id: "value",
    generation: "value",
    rotated_at: "value",
    attempt_hash: "value",
    refresh_expires_at: "value",
    absolute_expires_at: "value",
    audiences: "value",
    device_name: "value",
    auth_time: "value",
    access_expires_at: "value",
    ended_at: "value",
  },
  session_rotations: { session_id: "key", generation: "key", rotated_at: "value" },
  roles: { name: "key", built_in: "value", deleted_at: "value" },
  role_permissions: { role: "key", permission: "key" },
  user_roles: { user_id: "key", role: "key" },
  signing_keys: {
    kid: "key",
    use: "value",
    algorithm: "value",
    state: "value",
    private_jwe: "value",
    created_at: "value",
    expires_at: "value",
  },
  services: {
    id: "key",
    name: "value",
    key_hash: "value",
    permissions: "value",
    created_at: "value",
    last_used_at: "value",
    revoked_at: "value",
  },
  meta: { name: "key", value: "value" },
  revocation_log: { id: "key", log_id: "value", revision: "value", floor: "value" },
  revocations: {
    revision: "key",
    kind: "value",
    subject: "value",
    value: "value",
    recorded_at: "value",
    expires_at: "value",
  },
  audit_events: {
    id: "key",
    recorded_at: "value",
    kind: "value",
    user_id: "value",
    session_id: "value",
    actor: "value",
    details: "value",
  },
};

/** Every table. */
export const TABLES: readonly TableLayout[] = Object.entries(COLUMNS).map(([name, columns]) => ({
  name: nameOf(name),
  key: Object.entries(columns).flatMap(([column, part]) => (part === "key" ? column : [])),
  columns: Object.keys(columns),
}));

function nameOf(text: string): TableName {
  if (!isTableName(text)) throw new Error(`there is no table ${text}`);
  return text;
}

function isTableName(text: string): text is TableName {
  return Object.hasOwn(COLUMNS, text);
}
