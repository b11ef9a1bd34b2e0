import { encodeBase64Url } from "../lib/base64url.ts";
import type { Random } from "../lib/random.ts";
import type { Log } from "../log.ts";
import { readMeta, writeMeta } from "../store/queries/meta.ts";
import { createLogOnce, logPosition } from "../store/queries/revocations.ts";
import type { Store } from "../store/store.ts";
import { longestAccessTtl, noteAccessTtl } from "./key-life.ts";

type Claim = {
  readonly store: Pick<Store, "read" | "write">;
  readonly issuer: string;
  readonly accessTokenTtlMs: number;
  readonly random: Random;
  readonly log: Log;
};

/**
 * Notes in the database what tokens depend on: the log, the issuer, the longest
 * life of an access token. Writes only where something is new. Warns if the issuer
 * changed: tokens of the old one are void.
 */
export async function claimDatabase({ store, issuer, accessTokenTtlMs, random, log }: Claim): Promise<void> {
  const known = await store.read(async (db) => ({
    issuer: await readMeta(db, "issuer"),
    longestTtl: await longestAccessTtl(db),
    position: await logPosition(db),
  }));
  if (known.issuer !== null && known.issuer !== issuer) {
    const line = { event: "issuer_changed", from: known.issuer, to: issuer };
    log.warn(line, "SALLYPORT_ISSUER differs from the last start: tokens that are out are void");
  }
  if (known.issuer === issuer && known.longestTtl >= accessTokenTtlMs && known.position !== null) return;
  await store.write(async (tx) => {
    await createLogOnce(tx.db, encodeBase64Url(random.bytes(12)));
    await writeMeta(tx.db, "issuer", issuer);
    await noteAccessTtl(tx, accessTokenTtlMs);
  });
}
