import Database from "better-sqlite3";

/** Where the copies of a row differ from it. */
type Differences = Readonly<Record<string, string | number>>;

/** Rows that are to be copies of another. */
export type Copies = {
  readonly table: string;
  /** Column and value that find the row to be copied. */
  readonly of: readonly [string, string];
  readonly copies: readonly Differences[];
};

/** Adds the copies to the database file, all in one transaction. The columns are whatever the row has. */
export function copyRows(file: string, { table, of: [column, value], copies }: Copies): void {
  const db = new Database(file);
  try {
    const row = db.prepare<[string], Differences>(`select * from ${table} where ${column} = ?`).get(value);
    if (row === undefined) throw new Error(`${table} has nothing to copy`);
    const columns = Object.keys(row);
    const values = columns.map((name) => `@${name}`);
    const insert = db.prepare(`insert into ${table} (${columns.join(", ")}) values (${values.join(", ")})`);
    const insertAll = db.transaction(() => {
      for (const differences of copies) insert.run({ ...row, ...differences });
    });
    insertAll.immediate();
  } finally {
    db.close();
  }
}
