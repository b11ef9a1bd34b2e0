/**
 * Refresh tokens: JWTs that only we read, signed with a secret of their own. One
 * names a session and a generation of it; the session row says whether that
 * generation is the current one, so nothing in the database can be replayed.
 */
import { compactVerify, SignJWT } from "jose";
import { parseSegment } from "../check/strict-json.ts";
import { decodeBase64Url } from "../lib/base64url.ts";
import { REFRESH_ALGORITHM } from "./key-material.ts";
import type { KeyRing } from "./key-ring.ts";

const REFRESH_TOKEN_TYPE = "rt+jwt";
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

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
  readonly read: (token: string) => Promise<RefreshGrant | null>;
};

/** {@link RefreshTokens} of one issuer, which is their audience too. */
export function createRefreshTokens(deps: {
  readonly issuer: string;
  readonly keys: Pick<KeyRing, "refreshKey" | "refreshKeyNamed">;
}): RefreshTokens {
  const { issuer, keys } = deps;

  async function issue({ sessionId, generation, issuedAt, expiresAt }: RefreshGrant): Promise<string> {
    const { kid, key } = keys.refreshKey();
    return new SignJWT({
      iss: issuer,
      aud: issuer,
      sid: sessionId,
      gen: generation,
      iat: Math.floor(issuedAt / 1000),
      exp: Math.floor(expiresAt / 1000),
    })
      .setProtectedHeader({ alg: REFRESH_ALGORITHM, typ: REFRESH_TOKEN_TYPE, kid })
      .sign(key);
  }

  async function read(token: string): Promise<RefreshGrant | null> {
    if (!COMPACT_JWS.test(token)) return null;
    const [headerSegment = "", payloadSegment = "", signatureSegment = ""] = token.split(".");
    const header = parseSegment(headerSegment);
    if (header === null || Object.keys(header).length !== 3 || decodeBase64Url(signatureSegment) === null) return null;
    if (header.alg !== REFRESH_ALGORITHM || header.typ !== REFRESH_TOKEN_TYPE || typeof header.kid !== "string")
      return null;
    const key = keys.refreshKeyNamed(header.kid);
    if (key === undefined || !(await isSigned(token, key.key))) return null;
    const claims = parseSegment(payloadSegment);
    if (claims === null) return null;
    const { iss, aud, sid, gen, iat, exp } = claims;
    if (iss !== issuer || aud !== issuer || typeof sid !== "string") return null;
    if (!Number.isSafeInteger(gen) || !Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return null;
    return { sessionId: sid, generation: Number(gen), issuedAt: Number(iat) * 1000, expiresAt: Number(exp) * 1000 };
  }

  return { issue, read };
}

async function isSigned(token: string, key: Parameters<typeof compactVerify>[1]): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [REFRESH_ALGORITHM] });
    return true;
  } catch {
    return false;
  }
}
