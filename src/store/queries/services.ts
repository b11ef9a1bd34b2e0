/** Service credentials: who may call without being a person. */
import type { Selectable } from "kysely";
import type { Schema } from "../schema.ts";
import type { Queries, Tx } from "../store.ts";

/** A service as stored. */
export type ServiceRow = Selectable<Schema["services"]>;

/** The services that are not revoked, by name. */
export async function liveServices(db: Queries): Promise<readonly ServiceRow[]> {
  return db.selectFrom("services").selectAll().where("revoked_at", "is", null).orderBy("name").execute();
}

/** Whether there is a service of this id that is not revoked. */
export async function isLiveService(db: Queries, id: string): Promise<boolean> {
  const row = await db
    .selectFrom("services")
    .select("id")
    .where("id", "=", id)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  return row !== undefined;
}

/** The services that are not revoked, after a name, in alphabetical order. */
export async function listServices(
  db: Queries,
  { after, limit }: { after: string; limit: number },
): Promise<readonly ServiceRow[]> {
  return db
    .selectFrom("services")
    .selectAll()
    .where("revoked_at", "is", null)
    .where("name", ">", after)
    .orderBy("name")
    .limit(limit)
    .execute();
}

/** What the service may do. */
export function permissionsOf({ permissions }: ServiceRow): readonly string[] {
  const grants: unknown = JSON.parse(permissions);
  return Array.isArray(grants) ? grants.map(String) : [];
}

/** The service of this name that is not revoked, or `null`. */
export async function findLiveService(db: Queries, name: string): Promise<ServiceRow | null> {
  const row = await db
    .selectFrom("services")
    .selectAll()
    .where("name", "=", name)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  return row ?? null;
}

/** Adds a service. */
export async function insertService(db: Queries, service: ServiceRow): Promise<void> {
  await db.insertInto("services").values(service).execute();
}

/** Revokes a service for good. */
export async function revokeService({ db, now }: Tx, id: string): Promise<void> {
  await db.updateTable("services").set({ revoked_at: now }).where("id", "=", id).execute();
}

/** Notes when a service was last used, unless that is known to be later. */
export async function noteServiceUse(db: Queries, id: string, usedAt: number): Promise<void> {
  await db
    .updateTable("services")
    .set({ last_used_at: usedAt })
    .where("id", "=", id)
    .where((where) => where.or([where("last_used_at", "is", null), where("last_used_at", "<", usedAt)]))
    .execute();
}
