/** A checker over knowledge that the test itself changes, and tokens for it. No database, no network. */
import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { createChecker } from "../../src/check/checker.ts";
import { createRevocationSet } from "../../src/check/revocation-set.ts";
import { createRoleTable } from "../../src/check/role-table.ts";
import { AUTHENTICATED, type Rule } from "../../src/check/rule.ts";
import type { VerificationKey } from "../../src/check/verification-keys.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createAccessTokenIssuer } from "../../src/tokens/access-token-issuer.ts";
import { createFakeClock } from "./fake-clock.ts";

/** A key pair as the server has them. */
export type BenchKey = VerificationKey & { readonly privateKey: KeyObject };

/** What a token of the bench says; times in milliseconds. */
export type BenchGrant = {
  readonly userId?: string;
  readonly sessionId?: string;
  readonly roles?: readonly string[];
  readonly epoch?: number;
  readonly audiences?: readonly string[];
  readonly lifeMs?: number;
  readonly key?: BenchKey;
};

const ISSUER = "http://sallyport.test";
/** How old knowledge may be and still count as fresh. */
export const STALENESS_BOUND_MS = 10_000;
/** The longest life of a token. */
export const MAX_TTL_MS = 600_000;

/** A key pair for ES256 under a name. */
export async function makeBenchKey(kid: string): Promise<BenchKey> {
  return { kid, algorithm: "ES256", ...(await promisify(generateKeyPair)("ec", { namedCurve: "P-256" })) };
}

/** A bench; all keys given are in force. */
export function createCheckBench(benchKeys: readonly BenchKey[], { cacheCapacity = 100 } = {}) {
  const clock = createFakeClock();
  const keys = new Map<string, VerificationKey>(benchKeys.map((key) => [key.kid, key]));
  const revocations = createRevocationSet();
  const roles = createRoleTable();
  let asOf = clock.now();
  const checker = createChecker({
    keys,
    issuer: ISSUER,
    maxTtlMs: () => MAX_TTL_MS,
    revocations,
    roles,
    clock,
    asOf: () => asOf,
    stalenessBoundMs: STALENESS_BOUND_MS,
    cacheCapacity,
  });

  async function issue(grant: BenchGrant = {}): Promise<string> {
    const { userId = "usr_1", sessionId = "ses_1", roles: held = ["user"], epoch = 1 } = grant;
    const { audiences = ["sallyport"], lifeMs = MAX_TTL_MS, key = benchKeys[0] } = grant;
    if (key === undefined) throw new Error("the bench has no key");
    const signing = { kid: key.kid, algorithm: key.algorithm, key: key.privateKey };
    const issueToken = createAccessTokenIssuer({
      issuer: ISSUER,
      keys: { signingKey: () => signing },
      random: systemRandom,
    });
    return issueToken({
      user: { id: userId, username: "somebody", roles: held, epoch },
      sessionId,
      audiences,
      authTime: clock.now(),
      issuedAt: clock.now(),
      expiresAt: clock.now() + lifeMs,
    });
  }

  /** `GRANTED`, or the reason of a denial. */
  async function verdictOn(token: string, rule: Partial<Rule> = {}, audience = "sallyport"): Promise<string> {
    const decision = checker.check({ token, audience, rule: { ...AUTHENTICATED, ...rule } });
    return decision.granted ? "GRANTED" : decision.reason;
  }

  return {
    clock,
    keys,
    revocations,
    roles,
    checker,
    issue,
    verdictOn,
    /** Notes that nothing newer exists than what is known. */
    confirm() {
      asOf = clock.now();
    },
    asOf: () => asOf,
  };
}
