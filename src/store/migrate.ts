import { type Kysely, sql } from "kysely";
import { type Migration, type MigrationProvider, Migrator } from "kysely/migration";
import { core } from "./migrations/0001-core.ts";
import type { Schema } from "./schema.ts";

/** Every migration, oldest first. What is released is never changed, only added to. */
const MIGRATIONS: Readonly<Record<string, Migration>> = { "0001-core": core };

/** The names of all migrations, oldest first. */
export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS);

/** A schema that this version cannot work with; the message says what to do. */
export class UnusableSchema extends Error {
  override readonly name = "UnusableSchema";
}

/**
 * Brings the schema up to this version; does nothing if it is. `schema` is where the tables are, on engines where a
 * database has several.
 * @returns the names of the migrations that were run.
 * @throws UnusableSchema if the database was written by a newer version.
 */
export async function migrate(db: Kysely<Schema>, schema?: string): Promise<readonly string[]> {
  const provider: MigrationProvider = { getMigrations: async () => ({ ...MIGRATIONS }) };
  await refuseFuture(db, schema);
  const migrator = new Migrator({ db, provider, ...(schema !== undefined && { migrationTableSchema: schema }) });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map(({ migrationName }) => migrationName);
}

/** Refuses a schema that is not of this version, and changes nothing. @throws UnusableSchema. */
export function refuseOtherVersion(applied: readonly string[], place: string): void {
  refuseUnknown(applied);
  const pending = MIGRATION_NAMES.filter((name) => !applied.includes(name));
  if (pending.length === 0) return;
  throw new UnusableSchema(
    `${place} was written by an older version of Sallyport (${pending.join(", ")} is missing); bring it up to this one: sallyport migrate`,
  );
}

async function refuseFuture(db: Kysely<Schema>, within: string | undefined): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  const isOurs = ({ schema }: { readonly schema?: string }) => within === undefined || schema === within;
  if (!tables.some((table) => table.name === "kysely_migration" && isOurs(table))) return;
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  refuseUnknown(rows.map(({ name }) => name));
}

function refuseUnknown(applied: readonly string[]): void {
  const unknown = applied.filter((name) => !Object.hasOwn(MIGRATIONS, name));
  if (unknown.length > 0) {
    throw new UnusableSchema(
      `the database was written by a newer version of Sallyport (${unknown.join(", ")}); run that version`,
    );
  }
}
