/**
 * What to do after a restore from backup, or a failover that lost writes: the
 * database does not know what was revoked or issued since. So nothing that was
 * issued before may live: a new log, every session ended, every signing key
 * replaced. Verifiers see another log and start over.
 */
import { encodeBase64Url } from "../lib/base64url.ts";
import { deleteKey, insertKeys, listKeys } from "../store/queries/keys.ts";
import { lockDefinitions } from "../store/queries/locks.ts";
import { replaceLog } from "../store/queries/revocations.ts";
import { endAllSessions } from "../store/queries/sessions.ts";
import type { KeyLifeDeps } from "./key-life.ts";
import { generateSigningKey } from "./key-material.ts";

/** What was done. */
export type Restored = { readonly logId: string; readonly sessions: number };

/** Declares the database restored. Accounts, roles and service credentials stay as they are in it. */
export async function declareRestored(deps: KeyLifeDeps): Promise<Restored> {
  const { store, masterKeys, algorithm, audit, clock, random } = deps;
  const fresh = [
    await generateSigningKey(algorithm, "active", clock.now(), masterKeys),
    await generateSigningKey(algorithm, "next", clock.now(), masterKeys),
  ];
  const logId = encodeBase64Url(random.bytes(12));
  return store.write(async (tx) => {
    await lockDefinitions(tx);
    const old = (await listKeys(tx.db)).filter(({ use }) => use === "access");
    for (const { kid } of old) await deleteKey(tx.db, kid);
    await insertKeys(
      tx.db,
      fresh.map((key) => ({ ...key, created_at: tx.now })),
    );
    const sessions = await endAllSessions(tx);
    await replaceLog(tx.db, logId);
    tx.announce?.();
    await audit.record(tx, { kind: "restored", details: { log_id: logId, sessions } });
    return { logId, sessions };
  });
}
