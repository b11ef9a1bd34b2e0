/** Keys that tokens are signed with. */
import type { Selectable } from "kysely";
import type { Schema } from "../schema.ts";
import type { Queries } from "../store.ts";
import { readMeta } from "./meta.ts";

/** A key as stored: the private half encrypted. */
export type KeyRow = Selectable<Schema["signing_keys"]>;

/** Every key, the oldest first. */
export async function listKeys(db: Queries): Promise<readonly KeyRow[]> {
  return db.selectFrom("signing_keys").selectAll().orderBy("created_at").orderBy("kid").execute();
}

/** The keys, and the longest life that any access token was ever given, in milliseconds. */
export type KeyState = { readonly keys: readonly KeyRow[]; readonly maxAccessTtlMs: number };

/** Every key and what bounds the life of their tokens. */
export async function readKeyState(db: Queries): Promise<KeyState> {
  return { keys: await listKeys(db), maxAccessTtlMs: Number((await readMeta(db, "max_access_ttl_ms")) ?? 0) };
}

/** Adds keys. */
export async function insertKeys(db: Queries, keys: readonly KeyRow[]): Promise<void> {
  await db
    .insertInto("signing_keys")
    .values([...keys])
    .execute();
}

/** Moves a key on in its life. */
export async function updateKey(
  db: Queries,
  kid: string,
  change: Partial<Pick<KeyRow, "state" | "expires_at">>,
): Promise<void> {
  await db.updateTable("signing_keys").set(change).where("kid", "=", kid).execute();
}

/** Deletes a key. */
export async function deleteKey(db: Queries, kid: string): Promise<void> {
  await db.deleteFrom("signing_keys").where("kid", "=", kid).execute();
}

/** Replaces the encrypted half of a key, but only where it still is `from`. */
export async function replaceEncryption(db: Queries, kid: string, from: string, to: string): Promise<void> {
  await db
    .updateTable("signing_keys")
    .set({ private_jwe: to })
    .where("kid", "=", kid)
    .where("private_jwe", "=", from)
    .execute();
}

/** Deletes retired keys whose last token is dead; their ids. */
export async function deleteDeadKeys(db: Queries, now: number): Promise<readonly string[]> {
  const rows = await db
    .deleteFrom("signing_keys")
    .where("state", "=", "retired")
    .where("expires_at", "<", now)
    .returning("kid")
    .execute();
  return rows.map(({ kid }) => kid);
}
