/**
 * Refresh tokens: JWTs that only we read, signed with a secret of their own. One
 * names a session and a generation of it; the session row says whether that
 * generation is the current one, so nothing in the database can be replayed.
 */
import { readHeader, signClaims, verifiedClaims } from "../check/compact-jws.ts";
import { REFRESH_ALGORITHM } from "./key-material.ts";
import type { KeyRing } from "./key-ring.ts";

const REFRESH_TOKEN_TYPE = "rt+jwt";

/** What a refresh token says. Times are milliseconds. */
export type RefreshGrant = {
  readonly sessionId: string;
  readonly generation: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
};

/** Issues and reads refresh tokens. */
export type RefreshTokens = {
  /** The token of this grant; the same bytes each time, so that a repeated answer repeats the token. */
  readonly issue: (grant: RefreshGrant) => Promise<string>;
  /** What the token says, or `null` if it is none of ours. Whether it has expired is for the caller to ask. */
  readonly read: (token: string) => RefreshGrant | null;
};

/** {@link RefreshTokens} of one issuer, which is their audience too. */
export function createRefreshTokens(deps: {
  readonly issuer: string;
  readonly keys: Pick<KeyRing, "refreshKey" | "refreshKeyNamed">;
}): RefreshTokens {
  const { issuer, keys } = deps;

  function issue({ sessionId, generation, issuedAt, expiresAt }: RefreshGrant): Promise<string> {
    const claims = {
      iss: issuer,
      aud: issuer,
      sid: sessionId,
      gen: generation,
      iat: Math.floor(issuedAt / 1000),
      exp: Math.floor(expiresAt / 1000),
    };
    return signClaims(claims, REFRESH_TOKEN_TYPE, keys.refreshKey());
  }

  function read(token: string): RefreshGrant | null {
    const header = readHeader(token, REFRESH_TOKEN_TYPE);
    const key = header === null ? undefined : keys.refreshKeyNamed(header.kid);
    if (key === undefined || header?.alg !== REFRESH_ALGORITHM) return null;
    const claims = verifiedClaims(token, key.key, REFRESH_ALGORITHM);
    if (claims === null) return null;
    const { iss, aud, sid, gen, iat, exp } = claims;
    if (iss !== issuer || aud !== issuer || typeof sid !== "string") return null;
    if (!Number.isSafeInteger(gen) || !Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return null;
    return { sessionId: sid, generation: Number(gen), issuedAt: Number(iat) * 1000, expiresAt: Number(exp) * 1000 };
  }

  return { issue, read };
}
