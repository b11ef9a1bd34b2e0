/** Every row from one database into another, a page at a time, and the proof that they are the same on both sides. */
import { createHash } from "node:crypto";
import type { CopySide, Row } from "../store/copy-side.ts";
import { TABLES, type TableLayout, type TableName } from "../store/tables.ts";

/** Rows that are in memory at once. */
const PAGE = 1_000;

/** A table as it was found: how many rows, and a checksum over all of them that does not depend on the engine. */
export type TableSum = { readonly table: TableName; readonly rows: number; readonly sha256: string };

/** Told how far it is, after each page: `done` rows of so many. */
export type OnProgress = (step: "copying" | "comparing", table: TableName, done: number, of: number) => void;

/** A copy that is not what it was copied from. */
export class UnequalCopy extends Error {
  override readonly name = "UnequalCopy";
}

/** Fills `to`, which is empty but for what migrations put there; what was read. */
export async function copyTables(from: CopySide, to: CopySide, onProgress: OnProgress): Promise<readonly TableSum[]> {
  for (const table of [...TABLES].reverse()) await to.clear(table);
  const sums: TableSum[] = [];
  for (const table of TABLES) {
    const sum = await sumOf(from, table, async (rows, done, of) => {
      await to.insert(table, rows);
      onProgress("copying", table.name, done, of);
    });
    sums.push(sum);
  }
  return sums;
}

/** Reads every row of the copy again. @throws UnequalCopy if it is not what `expected` says. */
export async function compareTables(
  to: CopySide,
  expected: readonly TableSum[],
  onProgress: OnProgress,
): Promise<void> {
  for (const table of TABLES) {
    const is = await sumOf(to, table, async (_rows, done, of) => onProgress("comparing", table.name, done, of));
    const was = expected.find((sum) => sum.table === table.name);
    if (was?.rows === is.rows && was.sha256 === is.sha256) continue;
    throw new UnequalCopy(
      `${table.name} in ${to.name} is not what was copied (${textOf(is)} instead of ${was && textOf(was)}); see what changes rows there, such as a trigger`,
    );
  }
}

const textOf = ({ rows, sha256 }: TableSum) => `${rows} rows, ${sha256.slice(0, 12)}`;

/**
 * Reads a table in the order of its primary key. The checksum is SHA-256 over a line for each row: its values in the
 * order of the columns, as JSON.
 */
async function sumOf(
  side: CopySide,
  table: TableLayout,
  onPage: (rows: readonly Row[], done: number, of: number) => Promise<void>,
): Promise<TableSum> {
  const count = await side.count(table);
  const hash = createHash("sha256");
  let rows = 0;
  let hidden = 0;
  for (let after: Row | null = null; ; ) {
    const page: readonly Row[] = await side.page(table, after, PAGE);
    const copied = page.filter((row) => !isSeal(table, row)).map((row) => row.map(storable));
    for (const row of copied) hash.update(`${JSON.stringify(row)}\n`);
    rows += copied.length;
    hidden += page.length - copied.length;
    if (copied.length > 0) await onPage(copied, rows, count - hidden);
    after = page.at(-1) ?? null;
    if (page.length < PAGE) break;
  }
  // What pages had left out, they would leave out on both sides.
  if (rows + hidden !== count) throw new UnequalCopy(`${side.name} has ${count} ${table.name}, and told of ${rows}`);
  return { table: table.name, rows, sha256: hash.digest("hex") };
}

/** A seal is about the database that it is in. */
function isSeal(table: TableLayout, row: Row): boolean {
  return table.name === "meta" && row[table.columns.indexOf("name")] === "seal";
}

/** PostgreSQL has no U+0000 in its texts. None of ours holds one, unless somebody else put it there. */
function storable(value: Row[number]): Row[number] {
  return typeof value === "string" ? value.replaceAll("\0", "\ufffd") : value;
}
