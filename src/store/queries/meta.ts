/** Facts about the database as a whole. */
import type { Queries } from "../store.ts";

/** The facts that are kept; `seal` by store/seal.ts. */
export type MetaName = "issuer" | "max_access_ttl_ms" | "seal";

/** The fact, or `null`. */
export async function readMeta(db: Queries, name: MetaName): Promise<string | null> {
  const row = await db.selectFrom("meta").select("value").where("name", "=", name).executeTakeFirst();
  return row?.value ?? null;
}

/** Keeps the fact, in place of what it was. */
export async function writeMeta(db: Queries, name: MetaName, value: string): Promise<void> {
  await db
    .insertInto("meta")
    .values({ name, value })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
    .execute();
}

/** Forgets the fact. */
export async function eraseMeta(db: Queries, name: MetaName): Promise<void> {
  await db.deleteFrom("meta").where("name", "=", name).execute();
}
