/**
 * Moves everything from one database to another, of whichever engines, so that sessions, refresh tokens, keys and
 * revisions go on working there.
 *
 * Owns the order of things. The source can be read but not changed from before the first row is read until the end;
 * both sides are one transaction each, and whatever goes wrong undoes both. The source is sealed for good a moment
 * before the copy is there for anybody: there is no time at which both could serve. In that moment alone a crash
 * leaves a sealed source and an empty target; the same command again finishes the work.
 */
import type { Audit } from "../audit/audit.ts";
import { type CopySide, OccupiedDatabase, refuseRows } from "../store/copy-side.ts";
import { readSeal, type Seal, writeSeal } from "../store/seal.ts";
import { TABLES } from "../store/tables.ts";
import { CopyFault } from "./copy-fault.ts";
import { compareTables, copyTables, type OnProgress, type TableSum } from "./copy-tables.ts";
import { logIdOf, sealSource } from "./seal-source.ts";
import type { Opening } from "./take-back-seal.ts";

/** What it takes. */
export type CopyDeps = {
  readonly source: Opening;
  readonly target: Opening;
  /** Refuses settings with which the copy could not serve as the source did. Asked before anything is touched. */
  readonly refuseUnfit: (source: CopySide) => Promise<void>;
  readonly audit: Audit;
  readonly onProgress: OnProgress;
};

/** What was copied, from where to where; `null` if all of it was there already. */
export type Copied = { readonly from: string; readonly to: string; readonly tables: readonly TableSum[] | null };

/**
 * Copies, compares, seals the source.
 * @throws CopyFault, OccupiedDatabase, UnequalCopy, and what keeps either database from being used; the source is then
 * as it was and the target empty, unless the message says otherwise.
 */
export async function copyDatabase(deps: CopyDeps): Promise<Copied> {
  const from = await deps.source.open();
  try {
    await deps.refuseUnfit(from);
    const seal = await from.run(readSeal);
    const logId = await logIdOf(from);
    const to = await openTarget(deps.target, from.name, seal, logId);
    if (to === null) return { from: from.name, to: seal?.other ?? "", tables: null };
    try {
      return { from: from.name, to: to.name, tables: await copyHeld(deps, from, to) };
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** The target, empty; `null` if it is what the source was copied to before. */
async function openTarget(target: Opening, source: string, seal: Seal | null, logId: string): Promise<CopySide | null> {
  try {
    return await target.open();
  } catch (error) {
    if (!(error instanceof OccupiedDatabase)) throw error;
    if (error.place === source) throw new CopyFault(`${source} is both source and target; name two databases`);
    if (seal?.other === error.place && error.logId === logId) return null;
    throw error;
  }
}

async function copyHeld(deps: CopyDeps, from: CopySide, to: CopySide): Promise<readonly TableSum[]> {
  // What is left of it if this is not finished must not pass for a database to begin with.
  await holdEmpty(to);
  const unfinished: Seal = { state: "unfinished", other: from.name, at: await to.now() };
  await to.run((db) => writeSeal(db, unfinished));
  await to.commit();
  await holdEmpty(to);
  await from.hold("stay");
  await refuseSecondCopy(from, to);
  const tables = await copyTables(from, to, deps.onProgress);
  await compareTables(to, tables, deps.onProgress);
  await note(deps.audit, from, to, tables);
  await sealSource(deps, from, to);
  return tables;
}

/** Others may have come first, each time. */
async function holdEmpty(to: CopySide): Promise<void> {
  await to.hold("wait");
  await to.run((db) => refuseRows(db, to.name, ALL));
}

const ALL = TABLES.map(({ name }) => name);

async function refuseSecondCopy(from: CopySide, to: CopySide): Promise<void> {
  const seal = await from.run(readSeal);
  if (seal === null || seal.other === to.name) return;
  throw new CopyFault(
    `${from.name} was copied to ${seal.other} and is sealed; copy that one, or give it up: sallyport db unseal --help`,
  );
}

/** The trail goes on in the copy, and says where it began. */
async function note(audit: Audit, from: CopySide, to: CopySide, tables: readonly TableSum[]): Promise<void> {
  const now = await to.now();
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  await to.run((db) =>
    audit.record(
      { db, now, locksRows: false, onCommit: () => {} },
      { kind: "database_copied", details: { from: from.name, rows } },
    ),
  );
}
