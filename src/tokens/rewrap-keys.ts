import { listKeys, replaceEncryption } from "../store/queries/keys.ts";
import type { Store } from "../store/store.ts";
import type { MasterKeys } from "./master-key.ts";

/**
 * Encrypts every key in the database under the first master key, so that the
 * others are needed no more. Keys that are made meanwhile are under it already.
 * @returns how many keys were rewrapped.
 * @throws MasterKeyError if a key is under none of the master keys.
 */
export async function rewrapKeys(deps: {
  readonly store: Pick<Store, "read" | "write">;
  readonly masterKeys: MasterKeys;
}): Promise<number> {
  const { store, masterKeys } = deps;
  const rows = await store.read(listKeys);
  const rewrapped = await Promise.all(
    rows.map(async ({ kid, private_jwe: from }) => {
      return { kid, from, to: await masterKeys.encrypt(await masterKeys.decrypt(from)) };
    }),
  );
  await store.write(async ({ db }) => {
    for (const { kid, from, to } of rewrapped) await replaceEncryption(db, kid, from, to);
  });
  return rewrapped.length;
}
