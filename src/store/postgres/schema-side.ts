/** A schema of PostgreSQL as one side of a copy, by a connection of its own that waits as long as it takes. */
import { sql } from "kysely";
import { Client } from "pg";
import { type CopySide, refuseRows, rowsOf } from "../copy-side.ts";
import { refuseOtherVersion } from "../migrate.ts";
import type { TableLayout } from "../tables.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import type { Address } from "./address.ts";
import { clientConfig, makeTrustworthy, TIMEOUTS } from "./client.ts";
import { openSession } from "./dialect.ts";
import { toFault } from "./fault.ts";
import { holdSchema } from "./hold-schema.ts";
import { migratePostgres, migrationsIn, tablesIn, usableSchema } from "./schema.ts";
import { sealSchema, unsealSchema } from "./seal-schema.ts";
import { NOW } from "./transaction.ts";
import { explainFault } from "./unusable.ts";

/** Unless it is told so, the server ends a session that takes its time; but nobody waits for others without an end. */
const UNTIMED = "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = '10s'";

/** Opens a schema to copy from. @throws UnusableDatabase, UnusableSchema if it is of another version. */
export async function openSourceSchema(address: Address): Promise<CopySide> {
  return openSide(address, async (client, schema) => {
    const tables = await tablesIn(client, schema);
    if (!tables.includes("kysely_migration") || !tables.includes("revocation_log")) {
      throw new UnusableDatabase(`there is no database of Sallyport in ${address.name}; name the one that there is`);
    }
    refuseOtherVersion(await migrationsIn(client), address.name);
  });
}

/** Opens a schema to copy to, and makes its tables. @throws OccupiedDatabase, UnusableDatabase, UnusableSchema. */
export async function openTargetSchema(address: Address): Promise<CopySide> {
  return openSide(address, async (client, schema) => {
    const tables = await tablesIn(client, schema);
    if (tables.includes("kysely_migration")) await refuseFilled(client, nameOf(address, schema), tables);
    await migratePostgres(address, { isToBeFilled: true });
  });
}

/**
 * The name of a schema that holds no data; its tables stay as they are.
 * @throws OccupiedDatabase; UnusableDatabase also while somebody fills it, who has locked them.
 */
export async function lookIntoSchema(address: Address): Promise<string> {
  const side = await openSide(address, async (client, schema) =>
    refuseFilled(client, nameOf(address, schema), await tablesIn(client, schema)),
  );
  await side.close();
  return side.name;
}

async function refuseFilled(client: Client, name: string, tables: readonly string[]): Promise<void> {
  const session = openSession(client, { prepares: false, answerMs: 0 });
  session.begin();
  await refuseRows(session.db, name, tables);
}

async function openSide(
  address: Address,
  prepare: (client: Client, schema: string) => Promise<void>,
): Promise<CopySide> {
  const client = new Client(clientConfig(address, { ...TIMEOUTS, statementMs: 0, answerMs: 0 }));
  // Whatever breaks the connection is told by the next statement.
  client.on("error", () => {});
  try {
    await client.connect();
    await makeTrustworthy(client);
    await client.query(UNTIMED);
    const schema = await usableSchema(client, address);
    await prepare(client, schema);
    return createSide(client, nameOf(address, schema));
  } catch (error) {
    await endOf(client);
    throw explainFault(error, address.name);
  }
}

/** As what others know the place: the same server, database and schema have one name. */
function nameOf({ name }: Address, schema: string): string {
  return schema === "public" ? name : `${name} (schema ${schema})`;
}

function createSide(client: Client, name: string): CopySide {
  const session = openSession(client, { prepares: true, answerMs: 0 });
  session.begin();
  const { db } = session;
  const { count, page, clear } = rowsOf(db);

  async function explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw explainFault(error, name);
    }
  }

  return {
    name,
    run: (work) => explained(() => work(db)),
    hold: (readers) => explained(() => holdSchema(client, readers, name)),
    now: () => explained(async () => Number((await client.query(`select ${NOW}`)).rows[0]?.now)),
    count: (table) => explained(() => count(table)),
    page: (table, after, limit) => explained(() => page(table, after, limit)),
    clear: (table) => explained(() => clear(table)),
    insert: (table, rows) => explained(async () => void (await insertion(table, rows).execute(db))),
    seal: (seal) => explained(() => sealSchema(db, seal)),
    unseal: () => explained(() => unsealSchema(db)),
    commit: () => explained(async () => void (await client.query("commit"))),
    close: () => endOf(client),
  };
}

/** One parameter for all rows: thousands of them would take longer to put together than to store. */
function insertion({ name, columns }: TableLayout, rows: readonly (readonly unknown[])[]) {
  const records = rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
  const names = sql.join(columns.map((column) => sql.ref(column)));
  const table = sql.table(name);
  return sql`insert into ${table} (${names})
    select ${names} from json_populate_recordset(null::${table}, ${JSON.stringify(records)}::json)`;
}

/** Ends a connection, and with it its transaction; a goodbye that nobody hears would never end. */
async function endOf(client: Client): Promise<void> {
  const isThere = await client.query("rollback").then(
    () => true,
    (error: unknown) => toFault(error).kind !== "lost",
  );
  if (isThere) await client.end();
  else client.connection.stream.destroy();
}
