/**
 * Ends a signing key before its time: one that may have leaked. Every token that
 * it signed is void at once, everywhere; their owners refresh and go on.
 */
import { Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import { announceKeys } from "../revocations/entries.ts";
import { type Actor, onBehalfOf } from "../roles/actor.ts";
import { deleteKey, insertKeys, type KeyRow, listKeys, updateKey } from "../store/queries/keys.ts";
import { lockDefinitions } from "../store/queries/locks.ts";
import type { Tx } from "../store/store.ts";
import { type KeyChangeDeps, longestAccessTtl } from "./key-life.ts";
import { generateSigningKey } from "./key-material.ts";

/**
 * Withdraws the key. If it was the active one, the next key signs from now on; a
 * fresh next key is published where one is missing.
 * @throws Refusal KEY_NOT_FOUND if there is no such key, or it is no signing key.
 */
export async function withdrawKey(
  { commit, masterKeys, algorithm, audit, clock }: KeyChangeDeps,
  kid: string,
  actor: Actor,
  patience?: Patience,
): Promise<{ readonly revision: number }> {
  const fresh = await generateSigningKey(algorithm, "next", clock.now(), masterKeys);
  return commit(
    onBehalfOf(actor, async (tx) => {
      await lockDefinitions(tx);
      const keys = (await listKeys(tx.db)).filter(({ use }) => use === "access");
      const doomed = keys.find((key) => key.kid === kid);
      if (doomed === undefined) throw new Refusal("KEY_NOT_FOUND");
      await deleteKey(tx.db, kid);
      await replace(tx, doomed, keys, fresh);
      const revision = await announceKeys(tx, kid, await longestAccessTtl(tx.db));
      await audit.record(tx, {
        kind: "key_withdrawn",
        actor: actor?.id ?? null,
        details: { kid, state: doomed.state },
      });
      return { revision };
    }),
    patience,
  );
}

async function replace(tx: Tx, doomed: KeyRow, keys: readonly KeyRow[], fresh: KeyRow): Promise<void> {
  if (doomed.state === "retired") return;
  const next = keys.find(({ state }) => state === "next");
  if (doomed.state === "active" && next !== undefined) await updateKey(tx.db, next.kid, { state: "active" });
  await insertKeys(tx.db, [{ ...fresh, created_at: tx.now }]);
}
