/** Whether a copy can serve as the source did: by the issuer that tokens name, and the master key that opens its keys. */

import type { CopySide } from "../store/copy-side.ts";
import { listKeys } from "../store/queries/keys.ts";
import { readMeta } from "../store/queries/meta.ts";
import type { MasterKeys } from "../tokens/master-key.ts";
import { CopyFault } from "./copy-fault.ts";

/** What the copy will be served with. */
export type Fitness = {
  readonly issuer: string;
  /** @throws Error that says how to give them, if there are none. */
  readonly loadMasterKeys: () => MasterKeys;
};

/**
 * Refuses settings under which tokens that are out would be void.
 * @throws CopyFault, MasterKeyError.
 */
export async function refuseUnfit(source: CopySide, { issuer, loadMasterKeys }: Fitness): Promise<void> {
  const stored = await source.run((db) => readMeta(db, "issuer"));
  if (stored !== null && stored !== issuer) {
    throw new CopyFault(
      `the tokens of ${source.name} name the issuer ${stored}, and SALLYPORT_ISSUER is ${issuer}; set it to the same, here and where the copy is served`,
    );
  }
  const masterKeys = loadMasterKeys();
  for (const { private_jwe: jwe } of await source.run(listKeys)) await masterKeys.decrypt(jwe);
}
