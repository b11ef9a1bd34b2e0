import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import { textOf } from "./text.ts";

/** Users, roles, sessions, the revocation log, keys, services and audit. */
export const core: Migration = {
  async up(db) {
    await accounts(db);
    await sessions(db);
    await revocations(db);
    await housekeeping(db);
  },
};

async function accounts(db: Kysely<unknown>): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable("users")
    .addColumn("id", text, (column) => column.primaryKey())
    .addColumn("username", text, (column) => column.notNull().unique())
    .addColumn("email", text, (column) => column.unique())
    .addColumn("email_verified", "integer", (column) => column.notNull())
    .addColumn("password_hash", text, (column) => column.notNull())
    .addColumn("state", text, (column) => column.notNull().check(sql`state in ('active', 'disabled')`))
    .addColumn("epoch", "bigint", (column) => column.notNull())
    .addColumn("create_time", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("roles")
    .addColumn("name", text, (column) => column.primaryKey())
    .addColumn("built_in", "integer", (column) => column.notNull())
    .addColumn("deleted_at", "bigint")
    .execute();
  await db.schema
    .createTable("role_permissions")
    .addColumn("role", text, (column) => column.notNull().references("roles.name").onDelete("cascade"))
    .addColumn("permission", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("role_permissions_pk", ["role", "permission"])
    .execute();
  await db.schema
    .createTable("user_roles")
    .addColumn("user_id", text, (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("role", text, (column) => column.notNull().references("roles.name"))
    .addPrimaryKeyConstraint("user_roles_pk", ["user_id", "role"])
    .execute();
  await db.schema.createIndex("user_roles_by_role").on("user_roles").columns(["role", "user_id"]).execute();
  await sql`insert into roles (name, built_in) values ('admin', 1), ('user', 1)`.execute(db);
  await sql`insert into role_permissions (role, permission) values ('admin', '*')`.execute(db);
}

async function sessions(db: Kysely<unknown>): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable("sessions")
    .addColumn("id", text, (column) => column.primaryKey())
    .addColumn("user_id", text, (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("generation", "bigint", (column) => column.notNull())
    .addColumn("rotated_at", "bigint", (column) => column.notNull())
    .addColumn("attempt_hash", text)
    .addColumn("refresh_expires_at", "bigint", (column) => column.notNull())
    .addColumn("absolute_expires_at", "bigint", (column) => column.notNull())
    .addColumn("audiences", text, (column) => column.notNull())
    .addColumn("device_name", text, (column) => column.notNull())
    .addColumn("auth_time", "bigint", (column) => column.notNull())
    .addColumn("access_expires_at", "bigint", (column) => column.notNull())
    .addColumn("ended_at", "bigint")
    .execute();
  await db.schema.createIndex("sessions_by_user").on("sessions").columns(["user_id", "id"]).execute();
  await db.schema.createIndex("sessions_by_expiry").on("sessions").column("refresh_expires_at").execute();
  await db.schema
    .createTable("session_rotations")
    .addColumn("session_id", text, (column) => column.notNull().references("sessions.id").onDelete("cascade"))
    .addColumn("generation", "bigint", (column) => column.notNull())
    .addColumn("rotated_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("session_rotations_pk", ["session_id", "generation"])
    .execute();
}

async function revocations(db: Kysely<unknown>): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable("revocation_log")
    .addColumn("id", "integer", (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn("log_id", text, (column) => column.notNull())
    .addColumn("revision", "bigint", (column) => column.notNull())
    .addColumn("floor", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("revocations")
    .addColumn("revision", "bigint", (column) => column.primaryKey())
    .addColumn("kind", text, (column) => column.notNull())
    .addColumn("subject", text, (column) => column.notNull())
    .addColumn("value", text)
    .addColumn("recorded_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("revocations_by_expiry").on("revocations").column("expires_at").execute();
}

async function housekeeping(db: Kysely<unknown>): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable("signing_keys")
    .addColumn("kid", text, (column) => column.primaryKey())
    .addColumn("use", text, (column) => column.notNull())
    .addColumn("algorithm", text, (column) => column.notNull())
    .addColumn("state", text, (column) => column.notNull())
    .addColumn("private_jwe", text, (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint")
    .execute();
  await db.schema
    .createTable("services")
    .addColumn("id", text, (column) => column.primaryKey())
    .addColumn("name", text, (column) => column.notNull())
    .addColumn("key_hash", text, (column) => column.notNull().unique())
    .addColumn("permissions", text, (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_used_at", "bigint")
    .addColumn("revoked_at", "bigint")
    .execute();
  await db.schema
    .createTable("audit_events")
    .addColumn("id", text, (column) => column.primaryKey())
    .addColumn("recorded_at", "bigint", (column) => column.notNull())
    .addColumn("kind", text, (column) => column.notNull())
    .addColumn("user_id", text)
    .addColumn("session_id", text)
    .addColumn("actor", text)
    .addColumn("details", text, (column) => column.notNull())
    .execute();
  await db.schema.createIndex("audit_events_by_time").on("audit_events").column("recorded_at").execute();
  await db.schema.createIndex("audit_events_by_user").on("audit_events").columns(["user_id", "id"]).execute();
  await db.schema
    .createTable("meta")
    .addColumn("name", text, (column) => column.primaryKey())
    .addColumn("value", text, (column) => column.notNull())
    .execute();
}
