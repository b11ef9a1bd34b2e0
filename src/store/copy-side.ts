/**
 * One side of a copy: a database that is read from one end to the other, or filled, in one transaction during which
 * nobody else changes it. Each engine has one; what is the same on both is here.
 */
import { sql } from "kysely";
import type { Seal } from "./seal.ts";
import type { Queries } from "./store.ts";
import { TABLES, type TableLayout } from "./tables.ts";

/** The values of a row, in the order of the table's columns. */
export type Row = readonly (string | number | null)[];

/** A database to copy from or to. Whatever it throws says what to do. */
export type CopySide = {
  /** Where it is: a folder; or host, port, database and schema. */
  readonly name: string;
  /** Runs queries, in the transaction where it has begun. */
  readonly run: <T>(work: (db: Queries) => Promise<T>) => Promise<T>;
  /**
   * Begins the transaction; from then on nobody else changes anything. Readers `stay`, or, on engines that let them
   * see what is half done or need them out of the way, `wait` for the end of it.
   */
  readonly hold: (readers: "stay" | "wait") => Promise<void>;
  /** The present by its clock, in milliseconds. */
  readonly now: () => Promise<number>;
  /** How many rows there are. */
  readonly count: (table: TableLayout) => Promise<number>;
  /** Up to `limit` rows behind that one, in the order of the primary key; the first ones behind `null`. */
  readonly page: (table: TableLayout, after: Row | null, limit: number) => Promise<readonly Row[]>;
  /** Removes every row. */
  readonly clear: (table: TableLayout) => Promise<void>;
  /** Adds rows. */
  readonly insert: (table: TableLayout, rows: readonly Row[]) => Promise<void>;
  /** Has the database refuse every change, from the commit on. */
  readonly seal: (seal: Seal) => Promise<void>;
  /** Takes back the seal. */
  readonly unseal: () => Promise<void>;
  /** Keeps what was done since `hold`. */
  readonly commit: () => Promise<void>;
  /** Closes; what was not kept is undone. */
  readonly close: () => Promise<void>;
};

/** A database that is to be filled and is not empty; the message says what to do. */
export class OccupiedDatabase extends Error {
  override readonly name = "OccupiedDatabase";
  /** Its name, as that of its side would be. */
  readonly place: string;
  /** The name of its revocation log, or `null` if it has none. */
  readonly logId: string | null;

  constructor(place: string, tables: readonly string[], logId: string | null) {
    super(`${place} holds data already (${tables.join(", ")}); name an empty database, or empty that one`);
    this.place = place;
    this.logId = logId;
  }
}

/** What the two engines do in the same words. */
export function rowsOf(db: Queries): Pick<CopySide, "count" | "page" | "clear"> {
  return {
    async count({ name }) {
      const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(name)}`.execute(db);
      return Number(rows[0]?.count);
    },
    async page({ name, key, columns }, after, limit) {
      const names = sql.join(columns.map((column) => sql.ref(column)));
      const keys = sql.join(key.map((column) => sql.ref(column)));
      const values = key.map((column) => after?.[columns.indexOf(column)] ?? null);
      const behind = after === null ? sql`` : sql`where (${keys}) > (${sql.join(values)})`;
      const { rows } = await sql<Readonly<Record<string, string | number | null>>>`
        select ${names} from ${sql.table(name)} ${behind} order by ${keys} limit ${limit}`.execute(db);
      return rows.map((row) => columns.map((column) => row[column] ?? null));
    },
    async clear({ name }) {
      await sql`delete from ${sql.table(name)}`.execute(db);
    },
  };
}

/**
 * Refuses a database in whose tables, as far as `present` names them, is anything but what migrations put there, or a copy that
 * was not finished.
 * @throws OccupiedDatabase
 */
export async function refuseRows(db: Queries, place: string, present: readonly string[]): Promise<void> {
  const occupied: string[] = [];
  for (const { name } of TABLES.filter((table) => present.includes(table.name))) {
    const { rows } = await sql<{ one: number }>`
      select 1 as one from ${sql.table(name)} where ${notOurs(name)} limit 1`.execute(db);
    if (rows.length > 0) occupied.push(name);
  }
  if (occupied.length === 0) return;
  const log = occupied.includes("revocation_log")
    ? await db.selectFrom("revocation_log").select("log_id").executeTakeFirst()
    : undefined;
  throw new OccupiedDatabase(place, occupied, log?.log_id ?? null);
}

/** Roles that are part of every database, and what a copy leaves that was not finished, are ours. */
function notOurs(table: TableLayout["name"]) {
  if (table === "meta") return sql`name <> 'seal'`;
  if (table === "roles") return sql`built_in = 0`;
  if (table === "role_permissions") return sql`role <> 'admin' or permission <> '*'`;
  return sql`1 = 1`;
}
