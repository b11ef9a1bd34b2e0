import type { Audit } from "../audit/audit.ts";
import type { Patience } from "../lib/patience.ts";
import { type Actor, onBehalfOf } from "../roles/actor.ts";
import { listKeys, replaceEncryption } from "../store/queries/keys.ts";
import type { Store } from "../store/store.ts";
import type { MasterKeys } from "./master-key.ts";

/** What it takes to rewrap. */
export type RewrapKeysDeps = {
  readonly store: Pick<Store, "read" | "write">;
  readonly masterKeys: MasterKeys;
  readonly audit: Audit;
};

/**
 * Encrypts every key in the database under the first master key, so that the
 * others are needed no more. Keys that are made meanwhile are under it already.
 * @returns how many keys were rewrapped.
 * @throws MasterKeyError if a key is under none of the master keys.
 */
export async function rewrapKeys(deps: RewrapKeysDeps, actor: Actor, patience?: Patience): Promise<number> {
  const { store, masterKeys, audit } = deps;
  const rows = await store.read(listKeys, patience);
  const rewrapped = await Promise.all(
    rows.map(async ({ kid, private_jwe: from }) => {
      return { kid, from, to: await masterKeys.encrypt(await masterKeys.decrypt(from)) };
    }),
  );
  const work = onBehalfOf(actor, async (tx) => {
    for (const { kid, from, to } of rewrapped) await replaceEncryption(tx.db, kid, from, to);
    const details = { keys: rewrapped.length };
    await audit.record(tx, { kind: "keys_rewrapped", actor: actor?.id ?? null, details });
  });
  await store.write(work, patience);
  return rewrapped.length;
}
