import type { CopySide } from "../store/copy-side.ts";
import { readSeal, type Seal } from "../store/seal.ts";

/** A way to open a database, anew each time. */
export type Opening = { readonly open: () => Promise<CopySide> };

/**
 * Takes back the seal; what it said, or `null` if there is none. `permit` may throw, with the source held: no copy is
 * finished meanwhile.
 */
export async function takeBackSeal(
  source: Opening,
  permit: (seal: Seal) => Promise<void> = async () => {},
): Promise<Seal | null> {
  const side = await source.open();
  try {
    await side.hold("wait");
    const seal = await side.run(readSeal);
    if (seal !== null) {
      await permit(seal);
      await side.unseal();
    }
    await side.commit();
    return seal;
  } finally {
    await side.close();
  }
}
