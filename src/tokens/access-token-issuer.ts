/** Issues access tokens: JWTs as in RFC 9068. */
import { ACCESS_TOKEN_TYPE } from "../check/access-token.ts";
import { signClaims } from "../check/compact-jws.ts";
import type { Random } from "../lib/random.ts";
import type { KeyRing } from "./key-ring.ts";

/** The one client that asks for tokens on a user's behalf: Sallyport's own login (RFC 9068 requires the claim). */
export const CLIENT_ID = "sallyport";

/** How the user proved who it is (RFC 8176): by a password. */
const METHODS = ["pwd"];

/** Whom a token is for, and how long. Times are milliseconds. */
export type AccessGrant = {
  readonly user: {
    readonly id: string;
    readonly username: string;
    readonly roles: readonly string[];
    readonly epoch: number;
  };
  readonly sessionId: string;
  readonly audiences: readonly string[];
  readonly authTime: number;
  readonly issuedAt: number;
  /** A whole second; see {@link accessExpiry}. */
  readonly expiresAt: number;
};

/** Signs an access token. */
export type IssueAccessToken = (grant: AccessGrant) => Promise<string>;

/** An {@link IssueAccessToken} for one issuer. */
export function createAccessTokenIssuer(deps: {
  readonly issuer: string;
  readonly keys: Pick<KeyRing, "signingKey">;
  readonly random: Random;
}): IssueAccessToken {
  return function issueAccessToken({ user, sessionId, audiences, authTime, issuedAt, expiresAt }) {
    const claims = {
      iss: deps.issuer,
      sub: user.id,
      aud: audiences,
      exp: toSeconds(expiresAt),
      iat: toSeconds(issuedAt),
      jti: deps.random.id("at"),
      client_id: CLIENT_ID,
      sid: sessionId,
      preferred_username: user.username,
      roles: user.roles,
      auth_time: toSeconds(authTime),
      amr: METHODS,
      epoch: user.epoch,
    };
    return signClaims(claims, ACCESS_TOKEN_TYPE, deps.keys.signingKey());
  };
}

/**
 * When a token that is issued now expires, in milliseconds: a whole second, as `exp`
 * tells it, and no later than its session.
 */
export function accessExpiry(now: number, ttlMs: number, sessionEndsAt: number): number {
  return Math.min((toSeconds(now) + toSeconds(ttlMs)) * 1000, sessionEndsAt);
}

function toSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
