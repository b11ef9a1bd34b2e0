/** The revocation log: a counter without gaps, and entries while they matter. */
import type { Selectable } from "kysely";
import { compileOnce } from "../compile-once.ts";
import type { Schema } from "../schema.ts";
import type { Queries, Tx } from "../store.ts";

/** An entry of the log. */
export type RevocationRow = Selectable<Schema["revocations"]>;

/** Where the log stands. */
export type LogPosition = Pick<Selectable<Schema["revocation_log"]>, "log_id" | "revision" | "floor">;

/** Where the log stands, or `null` before it is made. */
export async function logPosition(db: Queries): Promise<LogPosition | null> {
  const row = await db.selectFrom("revocation_log").select(["log_id", "revision", "floor"]).executeTakeFirst();
  return row ?? null;
}

/** The same, and what the seal on the database says, if there is one. */
export async function logState(db: Queries): Promise<(LogPosition & { readonly seal: string | null }) | null> {
  const { rows } = await positionAndSeal(db);
  return rows[0] ?? null;
}

const positionAndSeal = compileOnce(
  (db) =>
    db
      .selectFrom("revocation_log")
      .select(["log_id", "revision", "floor"])
      .select((inner) => inner.selectFrom("meta").select("value").where("name", "=", "seal").as("seal")),
  [],
);

/** The newest revision, that of this very write included. */
export async function presentRevision(db: Queries): Promise<number> {
  const { revision } = await db.selectFrom("revocation_log").select("revision").executeTakeFirstOrThrow();
  return revision;
}

/** Makes the log, if there is none. */
export async function createLogOnce(db: Queries, logId: string): Promise<void> {
  await db
    .insertInto("revocation_log")
    .values({ id: 1, log_id: logId, revision: 0, floor: 0 })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

/** Begins another log, empty, in place of the one there is. */
export async function replaceLog(db: Queries, logId: string): Promise<void> {
  await db.deleteFrom("revocations").execute();
  await db.updateTable("revocation_log").set({ log_id: logId, revision: 0, floor: 0 }).execute();
}

/**
 * Appends an entry and gives its revision. The counter's row stays locked until
 * the write ends, so revisions are committed in their order and none is missing.
 */
export async function appendRevocation(
  { db, now, announce }: Tx,
  entry: Pick<RevocationRow, "kind" | "subject" | "value" | "expires_at">,
): Promise<number> {
  const { revision } = await db
    .updateTable("revocation_log")
    .set((column) => ({ revision: column("revision", "+", 1) }))
    .returning("revision")
    .executeTakeFirstOrThrow();
  await db
    .insertInto("revocations")
    .values({ ...entry, revision, recorded_at: now })
    .execute();
  announce?.();
  return revision;
}

/** The entries after a revision, in order. */
export async function entriesAfter(db: Queries, revision: number): Promise<readonly RevocationRow[]> {
  return db.selectFrom("revocations").selectAll().where("revision", ">", revision).orderBy("revision").execute();
}

/** Forgets entries that concern no living token, and raises the floor to the newest of them. */
export async function forgetRevocations({ db }: Tx, expiredBefore: number): Promise<void> {
  const { newest } = await db
    .selectFrom("revocations")
    .select((expression) => expression.fn.max("revision").as("newest"))
    .where("expires_at", "<", expiredBefore)
    .executeTakeFirstOrThrow();
  if (newest === null) return;
  // What is appended meanwhile may have expired, too, but lies above the floor.
  await db.deleteFrom("revocations").where("expires_at", "<", expiredBefore).where("revision", "<=", newest).execute();
  await db.updateTable("revocation_log").set({ floor: newest }).where("floor", "<", newest).execute();
}
