/** A file as one side of a copy. */
import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { CompiledQuery } from "kysely";
import type { Clock } from "../../lib/clock.ts";
import { type CopySide, refuseRows, rowsOf } from "../copy-side.ts";
import { migrate, refuseOtherVersion } from "../migrate.ts";
import type { TableLayout } from "../tables.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import { type Connection, openConnection } from "./connection.ts";
import { queriesOn } from "./dialect.ts";
import { migrationsOf, tablesOf } from "./file-schema.ts";
import { refuseDamage } from "./inspect-file.ts";
import { sealFile, unsealFile } from "./seal-file.ts";
import { explainFault } from "./unusable.ts";

/** Pages that are kept in memory while a file is filled, in KiB. */
const CACHE_KIB = 65_536;

/** Opens a file to copy from. @throws UnusableDatabase, UnusableSchema if it is of another version. */
export async function openSourceFile(file: string, clock: Clock): Promise<CopySide> {
  if (!statSync(file, { throwIfNoEntry: false })?.size) {
    throw new UnusableDatabase(`there is no database in ${dirname(file)}; name the folder that it is in`);
  }
  refuseDamage(file);
  return openSide(file, clock, async (connection) => refuseOtherVersion(migrationsOf(connection), file));
}

/**
 * Opens a file to copy to, and makes it, with its tables, if it is not there.
 * @throws OccupiedDatabase, UnusableDatabase, UnusableSchema.
 */
export async function openTargetFile(file: string, clock: Clock): Promise<CopySide> {
  return openSide(file, clock, async (connection) => {
    await refuseFilled(file, connection);
    await migrate(queriesOn(connection));
    connection.pragma(`cache_size = -${CACHE_KIB}`);
  });
}

/**
 * The name of a file that holds no data, or is not there; its tables stay as they are.
 * @throws OccupiedDatabase; UnusableDatabase also while somebody fills it, since nobody sees that before it is done.
 */
export async function lookIntoFile(file: string, clock: Clock): Promise<string> {
  if (statSync(file, { throwIfNoEntry: false })?.size) {
    const side = await openSide(file, clock, async (connection) => {
      connection.exec("begin immediate");
      await refuseFilled(file, connection);
    });
    await side.close();
  }
  return nameOf(file);
}

function refuseFilled(file: string, connection: Connection): Promise<void> {
  return refuseRows(queriesOn(connection), nameOf(file), tablesOf(connection));
}

async function openSide(
  file: string,
  clock: Clock,
  prepare: (connection: Connection) => Promise<void>,
): Promise<CopySide> {
  const connection = await openConnection(file);
  try {
    await prepare(connection);
    return createSide(connection, file, clock);
  } catch (error) {
    connection.close();
    throw explainFault(error, file);
  }
}

/** The folder, without links and from the root, so that the same one has one name. */
function nameOf(file: string): string {
  return realpathSync(dirname(file));
}

function createSide(connection: Connection, file: string, clock: Clock): CopySide {
  const db = queriesOn(connection);
  const { count, page, clear } = rowsOf(db);

  async function explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw explainFault(error, file);
    }
  }

  return {
    name: nameOf(file),
    run: (work) => explained(() => work(db)),
    hold: () => explained(async () => void connection.exec("begin immediate")),
    now: async () => clock.now(),
    count: (table) => explained(() => count(table)),
    page: (table, after, limit) => explained(() => page(table, after, limit)),
    clear: (table) => explained(() => clear(table)),
    insert: (table, rows) =>
      explained(async () => {
        const text = insertion(table);
        for (const row of rows) await db.executeQuery(CompiledQuery.raw(text, [...row]));
      }),
    seal: (seal) => explained(() => sealFile(db, seal)),
    unseal: () => explained(() => unsealFile(db)),
    commit: () => explained(async () => void connection.exec("commit")),
    close: async () => void connection.close(),
  };
}

function insertion({ name, columns }: TableLayout): string {
  const names = columns.map((column) => `"${column}"`).join(", ");
  return `insert into "${name}" (${names}) values (${columns.map(() => "?").join(", ")})`;
}
