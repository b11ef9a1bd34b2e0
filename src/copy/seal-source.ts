/** The last step of a copy, after which one of the two serves and the other does not. */
import { type CopySide, OccupiedDatabase } from "../store/copy-side.ts";
import { logPosition } from "../store/queries/revocations.ts";
import { readSeal, type Seal } from "../store/seal.ts";
import { CopyFault } from "./copy-fault.ts";
import { type Opening, takeBackSeal } from "./take-back-seal.ts";

/** Both sides, to be opened anew to see what came of it. */
type Ways = { readonly source: Opening; readonly target: Opening };

/**
 * Seals the source for good, and then lets the copy be seen. If that fails, the source is as it was, unless the copy is
 * there after all, or nobody knows: then it stays sealed.
 * @throws what it failed for, CopyFault if nobody knows.
 */
export async function sealSource(ways: Ways, from: CopySide, to: CopySide): Promise<void> {
  const seal: Seal = { state: "copied", other: to.name, at: await to.now() };
  const logId = await logIdOf(from);
  if ((await from.run(readSeal)) === null) await from.seal(seal);
  try {
    await from.commit();
    await to.commit();
  } catch (error) {
    await to.close();
    await from.close();
    await settle(ways, seal, logId, error);
  }
}

/** Finds out how far it got, and takes back the seal if there is no copy. @throws the error unless there is one. */
async function settle({ source, target }: Ways, seal: Seal, logId: string, error: unknown): Promise<void> {
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

function notKnown({ other }: Seal, cause: unknown): CopyFault {
  const told = cause instanceof Error ? cause.message : String(cause);
  return new CopyFault(
    `the source is sealed, and nobody knows whether the copy in ${other} is there (${told}); run the same command again when both can be reached`,
    { cause },
  );
}

/** The log's name, by which a copy is known. @throws CopyFault if there is none: whoever has served has one. */
export async function logIdOf(side: CopySide): Promise<string> {
  const position = await side.run(logPosition);
  if (position === null) throw new CopyFault(`there is nothing to copy in ${side.name}: it was made, and never used`);
  return position.log_id;
}
