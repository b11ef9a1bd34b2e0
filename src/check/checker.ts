/**
 * Does this token satisfy this rule, now?
 *
 * The one implementation of the decision: the server answers `Authorize` and
 * guards its own RPCs with it. No I/O: all it needs is in memory. A verified
 * token is remembered, but expiry, key, revocation and epoch are looked at on
 * each call, so nothing that changed is overlooked.
 */
import type { Clock } from "../lib/clock.ts";
import { type AccessToken, type AccessTokenContext, readAccessToken } from "./access-token.ts";
import { type Decision, denied } from "./decision.ts";
import type { RevocationSet } from "./revocation-set.ts";
import type { RoleTable } from "./role-table.ts";
import { type Rule, violationOf } from "./rule.ts";
import { createTokenCache } from "./token-cache.ts";

/** What is asked about a token. */
export type Question = {
  /** The token; empty if there is none. */
  readonly token: string;
  /** For whom it must have been issued. */
  readonly audience: string;
  readonly rule: Rule;
};

/** Answers questions about tokens. */
export type Checker = {
  readonly check: (question: Question) => Decision;
  /** The token if it is one of ours and its key is in force, whatever else became of it; `null` for anything else. */
  readonly identify: (token: string) => AccessToken | null;
};

type CheckerDeps = AccessTokenContext & {
  readonly revocations: RevocationSet;
  readonly roles: RoleTable;
  readonly clock: Clock;
  /** When the knowledge was last confirmed to be the newest, in milliseconds. */
  readonly asOf: () => number;
  /** How old knowledge may be and still count as fresh, in milliseconds. */
  readonly stalenessBoundMs: number;
  /** Verified tokens that are remembered. */
  readonly cacheCapacity: number;
};

/** A {@link Checker} over knowledge that others keep up to date. */
export function createChecker(deps: CheckerDeps): Checker {
  const { keys, revocations, roles, clock, asOf, stalenessBoundMs } = deps;
  const cache = createTokenCache(deps.cacheCapacity);

  function identify(token: string): AccessToken | null {
    const known = cache.get(token);
    if (known !== undefined && isInForce(known)) return known;
    const read = readAccessToken(token, deps, clock.now());
    if (read === null) {
      cache.delete(token);
      return null;
    }
    if (read.principal.expiresAt > clock.now()) cache.set(token, read);
    return read;
  }

  /** Keys go while tokens are remembered. */
  function isInForce({ key }: AccessToken): boolean {
    return keys.get(key.kid) === key;
  }

  function check({ token, audience, rule }: Question): Decision {
    if (token === "") return denied("TOKEN_MISSING");
    const known = identify(token);
    if (known === null) return denied("TOKEN_INVALID");
    const { principal } = known;
    const now = clock.now();
    if (principal.expiresAt <= now) {
      cache.delete(token);
      return denied("TOKEN_EXPIRED");
    }
    if (revocations.isEnded(known.session)) return denied("SESSION_REVOKED");
    if (known.epoch < revocations.leastEpoch(known.user)) return denied("PRIVILEGES_CHANGED");
    if (!known.audiences.includes(audience)) return denied("AUDIENCE_MISMATCH");
    const violation = violationOf(rule, principal, { roles, clock });
    if (violation !== null) return violation;
    const cacheForMs = Math.max(0, Math.min(Math.min(asOf(), now) + stalenessBoundMs, principal.expiresAt) - now);
    return { granted: true, principal, cacheForMs };
  }

  return { check, identify };
}
