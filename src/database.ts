/** Which database the settings name: SQLite in the data folder, or PostgreSQL at a URL; and how it is opened. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config.ts";
import type { Clock } from "./lib/clock.ts";
import { migrateSqliteFile, openSqliteStore } from "./store/sqlite/sqlite-store.ts";
import type { Store } from "./store/store.ts";
import { refuseLostDatabase } from "./tokens/master-key.ts";

/** Where the database is. */
type Place = Pick<Config, "dataDir" | "database">;

/** The file of the database, where that is SQLite. */
export function databaseFile({ dataDir }: Pick<Config, "dataDir">): string {
  return join(dataDir, "sallyport.db");
}

/**
 * Opens the database and brings its schema up to this version.
 * @throws UnusableDatabase, UnusableSchema, SealedDatabase, MasterKeyError.
 */
export async function openDatabase(config: Place, clock: Clock): Promise<Store> {
  if (config.database !== null) {
    const { openPostgresStore } = await import("./store/postgres/postgres-store.ts");
    return openPostgresStore(config.database);
  }
  const file = databaseFile(config);
  refuseLostDatabase(config.dataDir, file);
  return openSqliteStore({ file, clock });
}

/**
 * Makes the database or brings its schema up to this version; the names of the
 * migrations that were run. `beginAnew`: even where a file was lost.
 * @throws UnusableDatabase, UnusableSchema, SealedDatabase, MasterKeyError.
 */
export async function migrateDatabase(
  config: Place,
  { beginAnew }: { readonly beginAnew: boolean },
): Promise<readonly string[]> {
  if (config.database !== null) {
    const { migratePostgres } = await import("./store/postgres/schema.ts");
    return migratePostgres(await addressOf(config.database.url));
  }
  if (!beginAnew) refuseLostDatabase(config.dataDir, databaseFile(config));
  return migrateSqliteFile(databaseFile(config));
}

/** Whether there is a database: a file that is not empty, or a schema that was migrated. @throws UnusableDatabase. */
export async function hasDatabase(config: Place, clock: Clock): Promise<boolean> {
  if (config.database === null) {
    const file = databaseFile(config);
    return existsSync(file) && statSync(file).size > 0;
  }
  const { inspectServer } = await import("./store/postgres/inspect-server.ts");
  const { applied } = await inspectServer(await addressOf(config.database.url), clock);
  return applied.length > 0;
}

/** What may be said of where it is: the folder, or host, port and name. @throws UnusableDatabase if the URL is none. */
export async function databaseName({ dataDir, database }: Place): Promise<string> {
  return database === null ? dataDir : (await addressOf(database.url)).name;
}

async function addressOf(url: string) {
  const { parseAddress } = await import("./store/postgres/address.ts");
  return parseAddress(url);
}
