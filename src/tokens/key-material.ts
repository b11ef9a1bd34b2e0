/** Makes keys, ready to be stored. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import { encodeBase64Url } from "../lib/base64url.ts";
import type { Random } from "../lib/random.ts";
import type { KeyRow } from "../store/queries/keys.ts";
import type { MasterKeys } from "./master-key.ts";

/** Algorithms that access tokens may be signed with (RFC 7518, RFC 8037). */
export type SigningAlgorithm = "ES256" | "EdDSA" | "RS256";

/** The algorithm of refresh tokens, which only we read. */
export const REFRESH_ALGORITHM = "HS256";

/** A new key pair for access tokens, named by its thumbprint (RFC 7638). */
export async function generateSigningKey(
  algorithm: SigningAlgorithm,
  state: "next" | "active",
  createdAt: number,
  masterKeys: MasterKeys,
): Promise<KeyRow> {
  const pair = await generateKeyPair(algorithm, { extractable: true, modulusLength: 3072 });
  const publicJwk = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  // On the command line it would be taken for an option.
  if (kid.startsWith("-")) return generateSigningKey(algorithm, state, createdAt, masterKeys);
  return {
    kid,
    use: "access",
    algorithm,
    state,
    private_jwe: await encryptJwk(await exportJWK(pair.privateKey), masterKeys),
    created_at: createdAt,
    expires_at: null,
  };
}

/** A new secret for refresh tokens: 32 random bytes. */
export async function generateRefreshSecret(
  random: Random,
  createdAt: number,
  masterKeys: MasterKeys,
): Promise<KeyRow> {
  const jwk: JWK = { kty: "oct", k: encodeBase64Url(random.bytes(32)) };
  return {
    kid: encodeBase64Url(random.bytes(16)),
    use: "refresh",
    algorithm: REFRESH_ALGORITHM,
    state: "active",
    private_jwe: await encryptJwk(jwk, masterKeys),
    created_at: createdAt,
    expires_at: null,
  };
}

async function encryptJwk(jwk: JWK, masterKeys: MasterKeys): Promise<string> {
  return masterKeys.encrypt(new TextEncoder().encode(JSON.stringify(jwk)));
}
