/** Takes back a seal, if there is no copy that may serve. */
import { type CopySide, OccupiedDatabase } from "../store/copy-side.ts";
import { readSeal, type Seal } from "../store/seal.ts";
import { CopyFault } from "./copy-fault.ts";
import { type Opening, takeBackSeal } from "./take-back-seal.ts";

type UnsealDeps = {
  readonly source: Opening;
  /** Where the copy would be, by what the seal says; `null` if that cannot be looked at. Not made if it is not there. */
  readonly findCopy: (to: string) => Opening | null;
  /** Whether the operator vouches for it. */
  readonly copyIsGone: boolean;
};

/** Takes back the seal; what it said, or `null` if there is none. @throws CopyFault if the copy may be there. */
export async function unsealDatabase({ source, findCopy, copyIsGone }: UnsealDeps): Promise<Seal | null> {
  const seal = await sealOf(source);
  if (seal === null) return null;
  if (!copyIsGone) await refuseCopy(seal, findCopy(seal.to));
  return takeBackSeal(source);
}

async function sealOf(source: Opening): Promise<Seal | null> {
  const side = await source.open();
  try {
    return await side.read(readSeal);
  } finally {
    await side.close();
  }
}

async function refuseCopy(seal: Seal, copy: Opening | null): Promise<void> {
  if (copy === null || (await nameOf(copy, seal)) !== seal.to) {
    throw new CopyFault(
      `whether the copy in ${seal.to} is there cannot be seen from here; if it never serves again, say --copy-is-gone`,
    );
  }
}

/** The name of an empty database. @throws CopyFault if it is not empty. */
async function nameOf(copy: Opening, { to }: Seal): Promise<string> {
  let side: CopySide;
  try {
    side = await copy.open();
  } catch (error) {
    if (!(error instanceof OccupiedDatabase) || error.place !== to) throw error;
    throw new CopyFault(`the copy in ${to} is there, and may serve; serve from it, or remove it first`);
  }
  await side.close();
  return side.name;
}
