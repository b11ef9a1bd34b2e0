/** Sessions and their recent rotations. */
import { type Selectable, sql } from "kysely";
import { compileOnce, compileOnceForRow } from "../compile-once.ts";
import type { Schema } from "../schema.ts";
import type { Queries, Tx } from "../store.ts";

/** Surplus sessions are looked at so many at a time, so that no write is a long one. */
const SURPLUS_AT_ONCE = 50;
/** Sessions that one statement ends where all of them do, so that none takes longer than statements may. */
const ENDED_AT_ONCE = 5_000;

/** A session as stored. */
export type SessionRow = Selectable<Schema["sessions"]>;

/** The session, or `null`. */
export async function findSession(db: Queries, id: string): Promise<SessionRow | null> {
  const { rows } = await sessionById(db, id);
  return rows[0] ?? null;
}

const sessionById = compileOnce((db, id: string) => db.selectFrom("sessions").selectAll().where("id", "=", id), ["id"]);

/** The session, kept from others until the write ends; or `null`. Lock its user first. */
export async function lockSession({ db, locksRows }: Tx, id: string): Promise<SessionRow | null> {
  const { rows } = await (locksRows ? lockedSessionById : sessionById)(db, id);
  return rows[0] ?? null;
}

const lockedSessionById = compileOnce(
  (db, id: string) => db.selectFrom("sessions").selectAll().where("id", "=", id).forUpdate(),
  ["id"],
);

/** Adds a session. */
export async function insertSession(db: Queries, session: SessionRow): Promise<void> {
  await insertRow(db, session);
}

const insertRow = compileOnceForRow((db, session: SessionRow) => db.insertInto("sessions").values(session));

/** What a rotation changes. */
type Rotation = Pick<
  SessionRow,
  "generation" | "rotated_at" | "attempt_hash" | "refresh_expires_at" | "access_expires_at"
>;

/** Moves the session on by one generation, if nobody did so before. */
export async function rotate(db: Queries, id: string, next: Rotation): Promise<boolean> {
  const { generation, rotated_at, attempt_hash, refresh_expires_at, access_expires_at } = next;
  const { numAffectedRows } = await rotateSession(
    db,
    generation,
    rotated_at,
    attempt_hash,
    refresh_expires_at,
    access_expires_at,
    id,
    generation - 1,
  );
  return numAffectedRows === 1n;
}

const ROTATION: [number, number, string | null, number, number, string, number] = [1, 2, "hash", 3, 4, "id", 5];
const rotateSession = compileOnce(
  (db, generation, rotatedAt, attemptHash, refreshExpiresAt, accessExpiresAt, id, from) =>
    db
      .updateTable("sessions")
      .set({
        generation,
        rotated_at: rotatedAt,
        attempt_hash: attemptHash,
        refresh_expires_at: refreshExpiresAt,
        access_expires_at: accessExpiresAt,
      })
      .where("id", "=", id)
      .where("generation", "=", from)
      .where("ended_at", "is", null),
  ROTATION,
);

/** Notes that an access token of the session lives until `expiresAt`. */
export async function noteAccessExpiry(db: Queries, id: string, expiresAt: number): Promise<void> {
  await db
    .updateTable("sessions")
    .set({ access_expires_at: expiresAt })
    .where("id", "=", id)
    .where("access_expires_at", "<", expiresAt)
    .execute();
}

/** Remembers when a generation that is no longer the last but one was exchanged. */
export async function rememberRotation(
  db: Queries,
  rotation: Selectable<Schema["session_rotations"]>,
  forgetBefore: number,
): Promise<void> {
  const { session_id, generation, rotated_at } = rotation;
  await Promise.all([
    forgetRotations(db, session_id, forgetBefore),
    insertRotation(db, session_id, generation, rotated_at),
  ]);
}

const forgetRotations = compileOnce(
  (db, sessionId: string, before: number) =>
    db.deleteFrom("session_rotations").where("session_id", "=", sessionId).where("rotated_at", "<=", before),
  ["id", 1],
);
// A session that was put back in time exchanges the generation a second time.
const insertRotation = compileOnce(
  (db, session_id: string, generation: number, rotated_at: number) =>
    db
      .insertInto("session_rotations")
      .values({ session_id, generation, rotated_at })
      .onConflict((conflict) => conflict.columns(["session_id", "generation"]).doUpdateSet({ rotated_at })),
  ["id", 1, 2],
);

/** When the generation was exchanged, in milliseconds; `null` if that is not remembered. */
export async function rotationTime(db: Queries, sessionId: string, generation: number): Promise<number | null> {
  const row = await db
    .selectFrom("session_rotations")
    .select("rotated_at")
    .where("session_id", "=", sessionId)
    .where("generation", "=", generation)
    .executeTakeFirst();
  return row?.rotated_at ?? null;
}

/** The user's sessions that are neither ended nor expired, older than `before`, the newest first. */
export async function listLiveSessions(
  db: Queries,
  { userId, now, before, limit }: { userId: string; now: number; before: string; limit: number },
): Promise<readonly SessionRow[]> {
  return newestFirst(db, userId, now)
    .$if(before !== "", (query) => query.where("id", "<", before))
    .limit(limit)
    .execute();
}

/** A function that finds a user's sessions which are neither ended nor expired, but for the `keep` newest. */
export function surplusSessions(keep: number) {
  // In no order, and with the bound written out: either of them in it, SQLite plans a query anew each time that it is asked.
  const liveSome = compileOnce(
    (db, userId: string, now: number) =>
      liveSessions(db, userId, now)
        .select("id")
        .limit(sql.lit(keep + 1)),
    ["id", 1],
  );
  return async (db: Queries, userId: string, now: number): Promise<readonly SessionRow[]> => {
    const { rows } = await liveSome(db, userId, now);
    if (rows.length <= keep) return [];
    return newestFirst(db, userId, now).limit(SURPLUS_AT_ONCE).offset(keep).execute();
  };
}

/** The user's sessions that are not ended, expired ones too: their access tokens may outlive them. */
export async function openSessions(db: Queries, userId: string): Promise<readonly SessionRow[]> {
  return db.selectFrom("sessions").selectAll().where("user_id", "=", userId).where("ended_at", "is", null).execute();
}

/** Marks the session as ended. */
export async function markEnded({ db, now }: Tx, id: string): Promise<void> {
  await db.updateTable("sessions").set({ ended_at: now, attempt_hash: null }).where("id", "=", id).execute();
}

/** Marks every session as ended, without a word in the log; how many. */
export async function endAllSessions({ db, now }: Tx): Promise<number> {
  for (let ended = 0; ; ) {
    const { numUpdatedRows } = await db
      .updateTable("sessions")
      .set({ ended_at: now, attempt_hash: null })
      .where("ended_at", "is", null)
      .where("id", "in", (inner) =>
        inner.selectFrom("sessions").select("id").where("ended_at", "is", null).limit(ENDED_AT_ONCE),
      )
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return ended;
    ended += Number(numUpdatedRows);
  }
}

/** The latest expiry of any access token that was ever issued to the user, in milliseconds; 0 if none was. */
export async function latestAccessExpiry(db: Queries, userId: string): Promise<number> {
  const { latest } = await db
    .selectFrom("sessions")
    .select((expression) => expression.fn.max("access_expires_at").as("latest"))
    .where("user_id", "=", userId)
    .executeTakeFirstOrThrow();
  return latest ?? 0;
}

/** Deletes up to `limit` sessions of which no token has been alive since `before`. */
export async function deleteDeadSessions(db: Queries, before: number, limit: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom("sessions")
    .where("id", "in", (inner) =>
      inner
        .selectFrom("sessions")
        .select("id")
        .where("refresh_expires_at", "<", before)
        .where("access_expires_at", "<", before)
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** Neither ended nor expired. */
function liveSessions(db: Queries, userId: string, now: number) {
  return db
    .selectFrom("sessions")
    .where("user_id", "=", userId)
    .where("ended_at", "is", null)
    .where("refresh_expires_at", ">", now);
}

function newestFirst(db: Queries, userId: string, now: number) {
  return liveSessions(db, userId, now).selectAll().orderBy("id", "desc");
}
