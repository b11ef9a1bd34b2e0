/** What a file holds, before anything is known of its version. */
import { dirname } from "node:path";
import { refuseSealed } from "../seal.ts";
import type { Connection } from "./connection.ts";
import { queriesOn } from "./dialect.ts";

/** The names of its tables. */
export function tablesOf(connection: Connection): readonly string[] {
  return connection.prepare("select name from sqlite_schema where type = 'table'").pluck().all().map(String);
}

/** The migrations that it has seen. */
export function migrationsOf(connection: Connection): readonly string[] {
  if (!tablesOf(connection).includes("kysely_migration")) return [];
  return connection.prepare("select name from kysely_migration order by name").pluck().all().map(String);
}

/** Refuses a file that was copied elsewhere. @throws SealedDatabase. */
export async function refuseSealedFile(connection: Connection, file: string): Promise<void> {
  if (tablesOf(connection).includes("meta")) await refuseSealed(queriesOn(connection), dirname(file));
}
