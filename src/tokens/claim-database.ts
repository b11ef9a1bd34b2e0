import type { Log } from "../log.ts";
import type { Commit } from "../revocations/commit.ts";
import { readMeta, writeMeta } from "../store/queries/meta.ts";
import { presentRevision } from "../store/queries/revocations.ts";
import type { Store } from "../store/store.ts";
import { longestAccessTtl, noteAccessTtl } from "./key-life.ts";

type Claim = {
  readonly read: Store["read"];
  readonly commit: Commit;
  readonly issuer: string;
  readonly accessTokenTtlMs: number;
  readonly log: Log;
};

/**
 * Notes in the database what the tokens of this server depend on: the issuer, and
 * the longest life of an access token. Writes only where something is new. Warns if
 * the issuer changed: tokens of the old one are void. For servers alone; commands
 * may run under other settings.
 */
export async function claimDatabase({ read, commit, issuer, accessTokenTtlMs, log }: Claim): Promise<void> {
  const known = await read(async (db) => ({
    issuer: await readMeta(db, "issuer"),
    longestTtl: await longestAccessTtl(db),
  }));
  if (known.issuer !== null && known.issuer !== issuer) {
    const line = { event: "issuer_changed", from: known.issuer, to: issuer };
    log.warn(line, "SALLYPORT_ISSUER differs from the last start: tokens that are out are void");
  }
  if (known.issuer === issuer && known.longestTtl >= accessTokenTtlMs) return;
  await commit(async (tx) => {
    await writeMeta(tx.db, "issuer", issuer);
    await noteAccessTtl(tx, accessTokenTtlMs);
    return { revision: await presentRevision(tx.db) };
  });
}
