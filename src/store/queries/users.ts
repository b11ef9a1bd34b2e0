/** Users and the roles they hold. */
import type { Selectable } from "kysely";
import { compileOnce, compileOnceForList, compileOnceForRow } from "../compile-once.ts";
import type { Schema } from "../schema.ts";
import type { Queries, Tx } from "../store.ts";

/** A user without the roles. */
export type UserAlone = Selectable<Schema["users"]>;
/** A user with the names of its roles, in alphabetical order. */
export type UserRow = UserAlone & { readonly roles: readonly string[] };

/** The user whose column holds this canonical value, or `null`. */
export async function findUser(db: Queries, by: "id" | "username" | "email", value: string): Promise<UserRow | null> {
  const user = await findUserAlone(db, by, value);
  return user === null ? null : { ...user, roles: await rolesOf(db, user.id) };
}

/** The same for whoever does not ask for roles: one query. */
export async function findUserAlone(
  db: Queries,
  by: "id" | "username" | "email",
  value: string,
): Promise<UserAlone | null> {
  const { rows } = await USER_BY[by](db, value);
  return rows[0] ?? null;
}

const userBy = (column: "id" | "username" | "email") =>
  compileOnce((db, value: string) => db.selectFrom("users").selectAll().where(column, "=", value), ["value"]);
const USER_BY = { id: userBy("id"), username: userBy("username"), email: userBy("email") } as const;

/** The user, kept from others until the write ends; or `null`. */
export async function lockUser({ db, locksRows }: Tx, id: string): Promise<UserRow | null> {
  const lock = locksRows ? lockedUserById : USER_BY.id;
  const [{ rows }, roles] = await Promise.all([lock(db, id), rolesOf(db, id)]);
  const [row] = rows;
  return row === undefined ? null : { ...row, roles };
}

const lockedUserById = compileOnce(
  (db, id: string) => db.selectFrom("users").selectAll().where("id", "=", id).forUpdate(),
  ["id"],
);

/** Up to `limit` users after the one with the id `after`, the oldest first; those who hold `role` if one is named. */
export async function listUsers(
  db: Queries,
  { after, limit, role }: { readonly after: string; readonly limit: number; readonly role: string },
): Promise<readonly UserRow[]> {
  const rows = await db
    .selectFrom("users")
    .selectAll()
    .where("id", ">", after)
    .$if(role !== "", (query) =>
      query.where("id", "in", (inner) => inner.selectFrom("user_roles").select("user_id").where("role", "=", role)),
    )
    .orderBy("id")
    .limit(limit)
    .execute();
  return Promise.all(rows.map(async (row) => ({ ...row, roles: await rolesOf(db, row.id) })));
}

/** Which of the canonical names belongs to someone already, or `null`. */
export async function takenName(
  db: Queries,
  username: string,
  email: string | null,
): Promise<"username" | "email" | null> {
  const [byUsername, byEmail] = await Promise.all([
    USER_BY.username(db, username),
    email === null ? null : USER_BY.email(db, email),
  ]);
  if (byUsername.rows.length > 0) return "username";
  return byEmail !== null && byEmail.rows.length > 0 ? "email" : null;
}

/** Adds a user without roles. */
export async function insertUser(db: Queries, user: UserAlone): Promise<void> {
  await insertRow(db, user);
}

const insertRow = compileOnceForRow((db, user: UserAlone) => db.insertInto("users").values(user));

/** Replaces the user's roles, which must exist. */
export async function replaceRoles(db: Queries, userId: string, roles: readonly string[]): Promise<void> {
  await db.deleteFrom("user_roles").where("user_id", "=", userId).execute();
  await giveRoles(db, userId, roles);
}

/** Gives the user roles, which must exist, and which it must not have yet. */
export async function giveRoles(db: Queries, userId: string, roles: readonly string[]): Promise<void> {
  if (roles.length > 0) await insertRoles(db, [userId, ...roles]);
}

const insertRoles = compileOnceForList((db, [userId = "", ...roles]) =>
  db.insertInto("user_roles").values(roles.map((role) => ({ user_id: userId, role }))),
);

/** Raises the user's epoch by one; what it is now. */
export async function raiseEpoch(db: Queries, userId: string): Promise<number> {
  const { epoch } = await db
    .updateTable("users")
    .set((column) => ({ epoch: column("epoch", "+", 1) }))
    .where("id", "=", userId)
    .returning("epoch")
    .executeTakeFirstOrThrow();
  return epoch;
}

/** Replaces the stored hash, but only where it still is `from`. */
export async function replaceHash(db: Queries, userId: string, from: string, to: string): Promise<void> {
  await db
    .updateTable("users")
    .set({ password_hash: to })
    .where("id", "=", userId)
    .where("password_hash", "=", from)
    .execute();
}

/** Replaces the stored hash, whatever it was. */
export async function setPasswordHash(db: Queries, userId: string, hash: string): Promise<void> {
  await db.updateTable("users").set({ password_hash: hash }).where("id", "=", userId).execute();
}

/** Lets the user in, or keeps it out. */
export async function setState(db: Queries, userId: string, state: UserRow["state"]): Promise<void> {
  await db.updateTable("users").set({ state }).where("id", "=", userId).execute();
}

/** Whether an active user other than this one holds the role. */
export async function isHeldByAnother(db: Queries, role: string, userId: string): Promise<boolean> {
  const row = await db
    .selectFrom("user_roles")
    .innerJoin("users", "users.id", "user_roles.user_id")
    .select("users.id")
    .where("user_roles.role", "=", role)
    .where("users.state", "=", "active")
    .where("users.id", "!=", userId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function rolesOf(db: Queries, userId: string): Promise<readonly string[]> {
  const { rows } = await roleNames(db, userId);
  return rows.map(({ role }) => role).sort();
}

/** Put in order by us: a query with an order in it SQLite plans anew each time that it is asked with another value. */
const roleNames = compileOnce(
  (db, userId: string) => db.selectFrom("user_roles").select("role").where("user_id", "=", userId),
  ["id"],
);
