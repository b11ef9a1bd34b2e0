import type { Log } from "../log.ts";
import type { Commit } from "../revocations/commit.ts";
import { lockDefinitions } from "../store/queries/locks.ts";
import { readMeta, writeMeta } from "../store/queries/meta.ts";
import { presentRevision } from "../store/queries/revocations.ts";
import type { Store } from "../store/store.ts";
import { longestAccessTtl, noteAccessTtl } from "./key-life.ts";

type Claim = {
  readonly read: Store["read"];
  readonly commit: Commit;
  readonly issuer: string;
  readonly accessTokenTtlMs: number;
  /** Whether this server is the only one, so that another issuer is the operator's will and no slip. */
  readonly mayChangeIssuer: boolean;
  readonly log: Log;
};

/** An issuer other than that of the servers on the same database; the message says what to do. */
export class IssuerError extends Error {
  override readonly name = "IssuerError";
}

/**
 * Notes in the database what the tokens of this server depend on: the issuer, and
 * the longest life of an access token. Writes only where something is new. Warns if
 * the issuer changed: tokens of the old one are void. For servers alone; commands
 * may run under other settings.
 * @throws IssuerError if it may not change.
 */
export async function claimDatabase(claim: Claim): Promise<void> {
  const { read, commit, issuer, accessTokenTtlMs, mayChangeIssuer, log } = claim;
  const known = await read(async (db) => ({
    issuer: await readMeta(db, "issuer"),
    longestTtl: await longestAccessTtl(db),
  }));
  const refuse = (stored: string | null) => {
    if (stored === null || stored === issuer || mayChangeIssuer) return;
    throw new IssuerError(`the database is that of ${stored}, and SALLYPORT_ISSUER is ${issuer}; set it to the same`);
  };
  refuse(known.issuer);
  if (known.issuer !== null && known.issuer !== issuer) {
    const line = { event: "issuer_changed", from: known.issuer, to: issuer };
    log.warn(line, "SALLYPORT_ISSUER differs from the last start: tokens that are out are void");
  }
  if (known.issuer === issuer && known.longestTtl >= accessTokenTtlMs) return;
  await commit(async (tx) => {
    await lockDefinitions(tx);
    // Another server may have been first.
    refuse(await readMeta(tx.db, "issuer"));
    await writeMeta(tx.db, "issuer", issuer);
    await noteAccessTtl(tx, accessTokenTtlMs);
    return { revision: await presentRevision(tx.db) };
  });
}
