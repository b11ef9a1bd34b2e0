/** Roles and what they grant. */
import { compileOnceForList } from "../compile-once.ts";
import type { Queries, Tx } from "../store.ts";

/** A role that is not deleted, with its grants in alphabetical order. */
export type RoleRow = { readonly name: string; readonly builtIn: boolean; readonly permissions: readonly string[] };

/** The role, or `null`. Deleted roles are not found. */
export async function findRole(db: Queries, name: string): Promise<RoleRow | null> {
  const { rows } = await livingRoles(db, [name]);
  const [role] = await withPermissions(db, rows);
  return role ?? null;
}

/** Whether each of the names is one of a role. */
export async function areRoles(db: Queries, names: readonly string[]): Promise<boolean> {
  if (names.length === 0) return true;
  const { rows } = await livingRoles(db, names);
  return rows.length === new Set(names).size;
}

const livingRoles = compileOnceForList((db, names) =>
  db.selectFrom("roles").selectAll().where("name", "in", names).where("deleted_at", "is", null),
);

/** Up to `limit` roles after the name `after`, in alphabetical order. */
export async function listRoles(
  db: Queries,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly RoleRow[]> {
  const rows = await db
    .selectFrom("roles")
    .selectAll()
    .where("deleted_at", "is", null)
    .where("name", ">", after)
    .orderBy("name")
    .limit(limit)
    .execute();
  return withPermissions(db, rows);
}

/** When a role of this name was deleted, in milliseconds; `null` if none was. */
export async function deletionTimeOf(db: Queries, name: string): Promise<number | null> {
  const row = await db.selectFrom("roles").select("deleted_at").where("name", "=", name).executeTakeFirst();
  return row?.deleted_at ?? null;
}

/** How many roles there are. */
export async function countRoles(db: Queries): Promise<number> {
  const { count } = await db
    .selectFrom("roles")
    .select((expression) => expression.fn.countAll<number>().as("count"))
    .where("deleted_at", "is", null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Makes the role, or brings it back, and replaces what it grants. */
export async function saveRole(db: Queries, name: string, permissions: readonly string[]): Promise<void> {
  await db
    .insertInto("roles")
    .values({ name, built_in: 0, deleted_at: null })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ deleted_at: null }))
    .execute();
  await db.deleteFrom("role_permissions").where("role", "=", name).execute();
  if (permissions.length === 0) return;
  await db
    .insertInto("role_permissions")
    .values(permissions.map((permission) => ({ role: name, permission })))
    .execute();
}

/** Deletes the role but keeps its name from returning. */
export async function buryRole({ db, now }: Tx, name: string): Promise<void> {
  await db.deleteFrom("role_permissions").where("role", "=", name).execute();
  await db.updateTable("roles").set({ deleted_at: now }).where("name", "=", name).execute();
}

/** Whether any user holds the role. */
export async function isRoleInUse(db: Queries, name: string): Promise<boolean> {
  const row = await db.selectFrom("user_roles").select("user_id").where("role", "=", name).limit(1).executeTakeFirst();
  return row !== undefined;
}

async function withPermissions(
  db: Queries,
  rows: readonly { readonly name: string; readonly built_in: number }[],
): Promise<readonly RoleRow[]> {
  if (rows.length === 0) return [];
  const names = rows.map(({ name }) => name);
  const { rows: permissions } = await permissionsOf(db, names);
  return rows.map(({ name, built_in }) => ({
    name,
    builtIn: built_in === 1,
    permissions: permissions.filter(({ role }) => role === name).map(({ permission }) => permission),
  }));
}

const permissionsOf = compileOnceForList((db, names) =>
  db.selectFrom("role_permissions").selectAll().where("role", "in", names).orderBy("permission"),
);
