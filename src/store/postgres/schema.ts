/** Makes the schema, or brings it up to this version; whoever comes second waits and finds it made. */
import { Client, type ClientBase } from "pg";
import { MIGRATION_NAMES, migrate } from "../migrate.ts";
import { refuseSealed } from "../seal.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import type { Address } from "./address.ts";
import { clientConfig, makeTrustworthy, TIMEOUTS } from "./client.ts";
import { openSession } from "./dialect.ts";
import { explainFault } from "./unusable.ts";

/** The oldest major version that its makers still mend. */
const OLDEST = 14;
/** Whoever makes or changes the schema holds this lock: "SALY" in ASCII. */
const LOCK = 0x53_41_4c_59;
/** How long to wait for another process that makes or changes the schema, in milliseconds. */
const PATIENCE_MS = 60_000;
/** What the first migration made, and nobody else would. */
const OUR_TABLES = ["revocation_log", "signing_keys", "session_rotations"];

/**
 * Makes or updates the schema, sealed or not if it `isToBeFilled` by a copy; the names of the migrations that were run.
 * @throws UnusableDatabase if it cannot be reached, or is none that we may use; UnusableSchema if a newer version
 * wrote it; SealedDatabase.
 */
export async function migratePostgres(
  address: Address,
  { isToBeFilled = false }: { readonly isToBeFilled?: boolean } = {},
): Promise<readonly string[]> {
  const untimed = { ...TIMEOUTS, statementMs: 0, answerMs: 0, lockMs: PATIENCE_MS };
  const client = new Client(clientConfig(address, untimed));
  client.on("error", () => {});
  try {
    await client.connect();
    await makeTrustworthy(client);
    const schema = await usableSchema(client, address);
    await client.query("select pg_advisory_lock($1)", [LOCK]);
    const tables = await tablesIn(client, schema);
    refuseForeign(tables, schema, address);
    const session = openSession(client, { prepares: false, answerMs: 0 });
    session.begin();
    if (tables.includes("meta") && !isToBeFilled) await refuseSealed(session.db, "postgres");
    // Migrating looks through the whole catalogue, even where there is nothing to do.
    if (tables.includes("kysely_migration") && (await isOfThisVersion(client))) return [];
    return await migrate(session.db, schema);
  } catch (error) {
    throw explainFault(error, address.name);
  } finally {
    // Ends the lock, too.
    await client.end();
  }
}

type Facts = { readonly version: number; readonly encoding: string; readonly schema: string | null };

/** The schema that tables are made in: the first of the search path. @throws UnusableDatabase if there is none for us. */
export async function usableSchema(client: ClientBase, { name }: Address): Promise<string> {
  const { rows } = await client.query<Facts>(
    "select current_setting('server_version_num')::int / 10000 as version, current_setting('server_encoding') as encoding, current_schema() as schema",
  );
  const { version = 0, encoding = "", schema = null } = rows[0] ?? {};
  if (version < OLDEST) throw new UnusableDatabase(`${name} is PostgreSQL ${version}; it must be ${OLDEST} or newer`);
  if (encoding !== "UTF8")
    throw new UnusableDatabase(`${name} is in ${encoding}; make a database with: create database … encoding 'UTF8'`);
  if (schema === null)
    throw new UnusableDatabase(`${name} has no schema that its search_path leads to; make one, or mend the path`);
  return schema;
}

/** The names of the tables in a schema, but for those of extensions. */
export async function tablesIn(client: ClientBase, schema: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ table: string }>(
    `select c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p')
     and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')`,
    [schema],
  );
  return rows.map(({ table }) => table);
}

function refuseForeign(tables: readonly string[], schema: string, { name }: Address): void {
  // Kysely's two come first, and stay alone where the first migration failed.
  const others = tables.filter((table) => !table.startsWith("kysely_"));
  if (others.length === 0 || OUR_TABLES.every((table) => tables.includes(table))) return;
  throw new UnusableDatabase(
    `${name} holds tables of another application in its schema ${schema}; give Sallyport a database of its own`,
  );
}

async function isOfThisVersion(client: ClientBase): Promise<boolean> {
  return (await migrationsIn(client)).join() === MIGRATION_NAMES.join();
}

/** The migrations that the schema has seen; it must have the table that tells. */
export async function migrationsIn(client: ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>("select name from kysely_migration order by name");
  return rows.map(({ name }) => name);
}
