import { type Kysely, PostgresAdapter, sql } from "kysely";

/**
 * The type of columns that hold text: compared and sorted by code points, as SQLite does. On PostgreSQL that must be
 * said: its databases sort by a language, whose rules change with the system and would leave indexes in disorder.
 */
export function textOf(db: Kysely<unknown>) {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter;
  return isPostgres ? sql`text collate "C"` : "text";
}
