/** Takes back a seal, if there is no copy that may serve. */
import { type CopySide, OccupiedDatabase } from "../store/copy-side.ts";
import { readSeal, type Seal } from "../store/seal.ts";
import { CopyFault } from "./copy-fault.ts";
import { type Opening, takeBackSeal } from "./take-back-seal.ts";

type UnsealDeps = {
  readonly source: Opening;
  /** Where the copy would be, by what the seal says; `null` if that cannot be looked at. On SQLite, not made if it is not there. */
  readonly findCopy: (place: string) => Opening | null;
  /** Whether the operator vouches for it. */
  readonly copyIsGone: boolean;
};

/** Takes back the seal; what it said, or `null` if there is none. @throws CopyFault if the copy may be there. */
export async function unsealDatabase({ source, findCopy, copyIsGone }: UnsealDeps): Promise<Seal | null> {
  const seal = await sealOf(source);
  if (seal === null) return null;
  if (seal.state === "copied" && !copyIsGone) await refuseCopy(seal.other, findCopy(seal.other));
  return takeBackSeal(source);
}

async function sealOf(source: Opening): Promise<Seal | null> {
  const side = await source.open();
  try {
    return await side.run(readSeal);
  } finally {
    await side.close();
  }
}

async function refuseCopy(place: string, copy: Opening | null): Promise<void> {
  if (copy === null) throw unseen(place, "it is nowhere to be found");
  let side: CopySide;
  try {
    side = await copy.open();
  } catch (error) {
    if (!(error instanceof OccupiedDatabase)) throw unseen(place, error instanceof Error ? error.message : "no answer");
    if (error.place !== place) throw unseen(place, `${error.place} is another`);
    throw new CopyFault(`the copy in ${place} is there, and may serve; serve from it, or remove it first`);
  }
  await side.close();
  if (side.name !== place) throw unseen(place, `${side.name} is another`);
}

function unseen(place: string, why: string): CopyFault {
  return new CopyFault(
    `whether the copy in ${place} is there cannot be seen from here (${why}); if it never serves again, say --copy-is-gone`,
  );
}
