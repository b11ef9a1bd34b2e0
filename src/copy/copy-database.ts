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
import { logPosition } from "../store/queries/revocations.ts";
import { readSeal, type Seal } from "../store/seal.ts";
import { TABLES } from "../store/tables.ts";
import { CopyFault } from "./copy-fault.ts";
import { compareTables, copyTables, type OnProgress, type TableSum } from "./copy-tables.ts";
import { type Opening, takeBackSeal } from "./take-back-seal.ts";

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
    const seal = await from.read(readSeal);
    const logId = await logIdOf(from);
    const to = await openTarget(deps.target, from.name, seal, logId);
    if (to === null) return { from: from.name, to: seal?.to ?? "", tables: null };
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
    if (seal?.to === error.place && error.logId === logId) return null;
    throw error;
  }
}

async function copyHeld(deps: CopyDeps, from: CopySide, to: CopySide): Promise<readonly TableSum[]> {
  await to.hold("wait");
  await to.read((db) => refuseRows(db, to.name, ALL));
  await from.hold("stay");
  await refuseSecondCopy(from, to);
  const tables = await copyTables(from, to, deps.onProgress);
  await compareTables(to, tables, deps.onProgress);
  await note(deps.audit, from, to, tables);
  await sealForGood(deps, from, to);
  return tables;
}

const ALL = TABLES.map(({ name }) => name);

async function refuseSecondCopy(from: CopySide, to: CopySide): Promise<void> {
  const seal = await from.read(readSeal);
  if (seal === null || seal.to === to.name) return;
  throw new CopyFault(
    `${from.name} was copied to ${seal.to} and is sealed; copy that one, or give it up: sallyport db unseal --help`,
  );
}

/** The trail goes on in the copy, and says where it began. */
async function note(audit: Audit, from: CopySide, to: CopySide, tables: readonly TableSum[]): Promise<void> {
  const now = await to.now();
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  await to.read((db) =>
    audit.record(
      { db, now, locksRows: false, onCommit: () => {} },
      { kind: "database_copied", details: { from: from.name, rows } },
    ),
  );
}

/** From here on it is one or the other that serves, and never both. */
async function sealForGood(deps: CopyDeps, from: CopySide, to: CopySide): Promise<void> {
  const seal = { to: to.name, at: await to.now() };
  const logId = await logIdOf(from);
  if ((await from.read(readSeal)) === null) await from.seal(seal);
  try {
    await from.commit();
    await to.commit();
  } catch (error) {
    await to.close();
    await from.close();
    await settle(deps, seal, logId, error);
  }
}

/** Finds out how far it got, and takes back the seal if there is no copy. @throws the error unless there is one. */
async function settle({ source, target }: CopyDeps, seal: Seal, logId: string, error: unknown): Promise<void> {
  try {
    const to = await target.open();
    await to.close();
  } catch (found) {
    if (found instanceof OccupiedDatabase && found.logId === logId) return;
    throw notKnown(seal, error);
  }
  await takeBackSeal(source).catch(() => {
    throw notKnown(seal, error);
  });
  throw error;
}

function notKnown({ to }: Seal, cause: unknown): CopyFault {
  const told = cause instanceof Error ? cause.message : String(cause);
  return new CopyFault(
    `the source is sealed, and nobody knows whether the copy in ${to} is there (${told}); run the same command again when both can be reached`,
    { cause },
  );
}

/** The log's name, by which a copy is known; whoever has served has one. */
async function logIdOf(side: CopySide): Promise<string> {
  const position = await side.read(logPosition);
  if (position === null) throw new CopyFault(`there is nothing to copy in ${side.name}: it was made, and never used`);
  return position.log_id;
}
