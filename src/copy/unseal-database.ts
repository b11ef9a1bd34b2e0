/** Takes back a seal, if there is no copy that may serve. */
import { OccupiedDatabase } from "../store/copy-side.ts";
import { readSeal, type Seal } from "../store/seal.ts";
import { CopyFault } from "./copy-fault.ts";
import { type Opening, takeBackSeal } from "./take-back-seal.ts";

/**
 * A way to look whether there is a copy: the name of an empty database.
 * @throws OccupiedDatabase if it is not empty; anything else if that cannot be told, as while it is being filled.
 */
type Sight = { readonly look: () => Promise<string> };

type UnsealDeps = {
  readonly source: Opening;
  /** Where the copy would be, by what the seal says; `null` if that cannot be looked at. */
  readonly findCopy: (place: string) => Sight | null;
  /** Whether the operator vouches for it. */
  readonly copyIsGone: boolean;
};

/** Takes back the seal; what it said, or `null` if there is none. @throws CopyFault if the copy may be there. */
export async function unsealDatabase({ source, findCopy, copyIsGone }: UnsealDeps): Promise<Seal | null> {
  // Whoever serves from a database that is not sealed is not held up.
  if ((await sealOf(source)) === null) return null;
  return takeBackSeal(source, async ({ state, other }) => {
    if (state === "copied" && !copyIsGone) await refuseCopy(other, findCopy(other));
  });
}

async function sealOf(source: Opening): Promise<Seal | null> {
  const side = await source.open();
  try {
    return await side.run(readSeal);
  } finally {
    await side.close();
  }
}

async function refuseCopy(place: string, copy: Sight | null): Promise<void> {
  if (copy === null) throw unseen(place, "it is nowhere to be found");
  let found: string;
  try {
    found = await copy.look();
  } catch (error) {
    if (!(error instanceof OccupiedDatabase)) throw unseen(place, error instanceof Error ? error.message : "no answer");
    if (error.place !== place) throw unseen(place, `${error.place} is another`);
    throw new CopyFault(`the copy in ${place} is there, and may serve; serve from it, or remove it first`);
  }
  if (found !== place) throw unseen(place, `${found} is another`);
}

function unseen(place: string, why: string): CopyFault {
  return new CopyFault(
    `whether the copy in ${place} is there cannot be seen from here (${why}); if it never serves again, say --copy-is-gone`,
  );
}
