/** What happened, for those who must account for it. */
import type { Selectable } from "kysely";
import { compileOnce } from "../compile-once.ts";
import type { Schema } from "../schema.ts";
import type { Queries } from "../store.ts";

/** An event as stored. */
export type AuditRow = Selectable<Schema["audit_events"]>;

/** Adds an event. */
export async function insertAuditEvent(db: Queries, event: AuditRow): Promise<void> {
  const { id, recorded_at, kind, user_id, session_id, actor, details } = event;
  await insertEvent(db, id, recorded_at, kind, user_id, session_id, actor, details);
}

const EVENT: [string, number, string, string | null, string | null, string | null, string] = [
  "id",
  1,
  "kind",
  "user",
  "session",
  "actor",
  "details",
];
const insertEvent = compileOnce(
  (db, id, recorded_at, kind, user_id, session_id, actor, details) =>
    db.insertInto("audit_events").values({ id, recorded_at, kind, user_id, session_id, actor, details }),
  EVENT,
);

/** The latest time of any event, in milliseconds; 0 if there is none. */
export async function newestAuditTime(db: Queries): Promise<number> {
  const { newest } = await db
    .selectFrom("audit_events")
    .select((expression) => expression.fn.max("recorded_at").as("newest"))
    .executeTakeFirstOrThrow();
  return Number(newest ?? 0);
}

/** Deletes up to `limit` events that are older than `before`. */
export async function deleteOldAuditEvents(db: Queries, before: number, limit: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom("audit_events")
    .where("id", "in", (inner) =>
      inner.selectFrom("audit_events").select("id").where("recorded_at", "<", before).limit(limit),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
