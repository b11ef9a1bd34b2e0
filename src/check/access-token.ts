/**
 * Is this text an access token of our issuer, and whose?
 *
 * JWT profile for access tokens (RFC 9068), compact JWS (RFC 7515), with the
 * advice of RFC 8725: the key fixes the algorithm, the type is explicit, and
 * nothing in the header is followed.
 */
import { idWords } from "../lib/id-words.ts";
import { readHeader, verifiedClaims } from "./compact-jws.ts";
import type { Principal } from "./decision.ts";
import type { VerificationKey, VerificationKeys } from "./verification-keys.ts";

/** The media type of our access tokens, without `application/`. */
export const ACCESS_TOKEN_TYPE = "at+jwt";

/** How far in the future `iat` may lie, for clocks that disagree. `exp` has no such tolerance. */
export const IAT_TOLERANCE_MS = 5_000;

/** Longer texts are not looked at. In characters, which are bytes here. */
export const MAX_TOKEN_LENGTH = 8192;

/** A token whose signature and claims hold, whatever the time. */
export type AccessToken = {
  readonly principal: Principal;
  /** The ids of its session and its user, as revocations are looked up. */
  readonly session: Uint32Array;
  readonly user: Uint32Array;
  readonly audiences: readonly string[];
  /** The user's privilege version when the token was issued. */
  readonly epoch: number;
  /** The key that signed it; the token dies with the key. */
  readonly key: VerificationKey;
};

/** What a token is held against. */
export type AccessTokenContext = {
  readonly keys: VerificationKeys;
  readonly issuer: string;
  /** Tokens that claim a longer life are refused. Milliseconds; may be raised while the process runs. */
  readonly maxTtlMs: () => number;
};

/**
 * The verified token, or `null` for anything else. Does not look at the clock but
 * for `iat`: whether the token has expired is asked on each use.
 */
export function readAccessToken(
  token: string,
  { keys, issuer, maxTtlMs }: AccessTokenContext,
  now: number,
): AccessToken | null {
  const header = token.length > MAX_TOKEN_LENGTH ? null : readHeader(token, ACCESS_TOKEN_TYPE);
  const key = header === null ? undefined : keys.get(header.kid);
  if (key === undefined || key.algorithm !== header?.alg) return null;
  const claims = verifiedClaims(token, key.publicKey, key.algorithm);
  return claims === null ? null : tokenOf(claims, key, issuer, maxTtlMs(), now);
}

function tokenOf(
  claims: Readonly<Record<string, unknown>>,
  key: VerificationKey,
  issuer: string,
  maxTtlMs: number,
  now: number,
): AccessToken | null {
  const { iss, sub, aud, exp, iat, jti, client_id, sid, preferred_username, roles, auth_time, amr, epoch } = claims;
  const audiences = typeof aud === "string" ? [aud] : aud;
  if (iss !== issuer || claims.nbf !== undefined) return null;
  if (!isText(sub) || !isText(sid) || !isText(jti) || !isText(client_id) || !isText(preferred_username)) return null;
  if (!isTexts(audiences) || !isTexts(roles) || !isTexts(amr)) return null;
  if (!isCount(exp) || !isCount(iat) || !isCount(auth_time) || !isCount(epoch)) return null;
  if (exp <= iat || (exp - iat) * 1000 > maxTtlMs || iat * 1000 > now + IAT_TOLERANCE_MS) return null;
  return {
    principal: {
      userId: sub,
      username: preferred_username,
      roles,
      sessionId: sid,
      authTime: auth_time * 1000,
      expiresAt: exp * 1000,
    },
    session: idWords(sid),
    user: idWords(sub),
    audiences,
    epoch,
    key,
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
