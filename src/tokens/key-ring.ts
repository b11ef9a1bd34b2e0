/**
 * The keys in memory: those that verify, the one that signs, the secrets of
 * refresh tokens. Follows the table `signing_keys`; decrypts each key once.
 */
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import type { JWK } from "jose";
import { type Algorithm, fitting, isAlgorithm } from "../check/signature.ts";
import type { VerificationKey, VerificationKeys } from "../check/verification-keys.ts";
import type { KeyRow, KeyState } from "../store/queries/keys.ts";
import type { MasterKeys } from "./master-key.ts";

/** A key that signs, with the name that goes into the header. */
export type SigningKey = { readonly kid: string; readonly algorithm: Algorithm; readonly key: KeyObject };

/** The keys in memory. */
export type KeyRing = {
  /** Takes over the keys as they are in the database. @throws MasterKeyError if they cannot be decrypted. */
  readonly load: (state: KeyState) => Promise<void>;
  /** Public keys of access tokens: next, active and retired. */
  readonly verificationKeys: VerificationKeys;
  /** The same, one by one. */
  readonly publicKeys: () => readonly VerificationKey[];
  /** The key that signs access tokens. */
  readonly signingKey: () => SigningKey;
  /** The secret that signs refresh tokens. */
  readonly refreshKey: () => SigningKey;
  /** The secret of this name, whether it still signs or not. */
  readonly refreshKeyNamed: (kid: string) => SigningKey | undefined;
  /** The longest life that any access token was ever given, in milliseconds. */
  readonly maxAccessTtlMs: () => number;
  /** The public keys as a JWK set (RFC 7517 section 5). */
  readonly jwks: () => { readonly keys: readonly JWK[] };
};

type LoadedKey = {
  readonly row: KeyRow;
  readonly signing: SigningKey;
  /** `null` for secrets, which have no public half. */
  readonly verification: VerificationKey | null;
  readonly publicJwk: JWK | null;
};

/** An empty {@link KeyRing}. */
export function createKeyRing(masterKeys: MasterKeys): KeyRing {
  let loaded: ReadonlyMap<string, LoadedKey> = new Map();
  let maxAccessTtlMs = 0;

  async function load(state: KeyState): Promise<void> {
    const entries = state.keys.map(async (row): Promise<[string, LoadedKey]> => {
      const known = loaded.get(row.kid);
      return [row.kid, known === undefined ? await openKey(row, masterKeys) : { ...known, row }];
    });
    loaded = new Map(await Promise.all(entries));
    maxAccessTtlMs = state.maxAccessTtlMs;
  }

  function activeKey(use: KeyRow["use"]): SigningKey {
    for (const { row, signing } of loaded.values()) if (row.use === use && row.state === "active") return signing;
    throw new Error(`there is no active key for ${use} tokens`);
  }

  return {
    load,
    verificationKeys: { get: (kid) => loaded.get(kid)?.verification ?? undefined },
    publicKeys: () => [...loaded.values()].flatMap(({ verification }) => verification ?? []),
    signingKey: () => activeKey("access"),
    refreshKey: () => activeKey("refresh"),
    refreshKeyNamed(kid) {
      const key = loaded.get(kid);
      return key?.row.use === "refresh" ? key.signing : undefined;
    },
    maxAccessTtlMs: () => maxAccessTtlMs,
    jwks: () => ({
      keys: [...loaded.values()].flatMap(({ publicJwk }) => (publicJwk === null ? [] : [publicJwk])),
    }),
  };
}

const PUBLIC_MEMBERS: ReadonlySet<string> = new Set(["kty", "crv", "x", "y", "n", "e"]);

async function openKey(row: KeyRow, masterKeys: MasterKeys): Promise<LoadedKey> {
  const { kid, algorithm } = row;
  if (!isAlgorithm(algorithm)) throw new Error(`key ${kid} is for ${algorithm}, which nothing is signed with here`);
  const jwk = parseJwk(new TextDecoder().decode(await masterKeys.decrypt(row.private_jwe)));
  if (row.use === "refresh") {
    const secret = createSecretKey(typeof jwk.k === "string" ? jwk.k : "", "base64url");
    return { row, signing: { kid, algorithm, key: fitting(secret, algorithm) }, verification: null, publicJwk: null };
  }
  const publicJwk = { ...publicHalf(jwk), kid, alg: algorithm, use: "sig" };
  const privateKey = createPrivateKey({ key: { ...jwk }, format: "jwk" });
  const publicKey = createPublicKey({ key: publicJwk, format: "jwk" });
  return {
    row,
    signing: { kid, algorithm, key: fitting(privateKey, algorithm) },
    verification: { kid, algorithm, publicKey: fitting(publicKey, algorithm) },
    publicJwk,
  };
}

/**
 * The public half (RFC 7518 section 6, RFC 8037). Taken from what the master key
 * protects: whoever can write to the database must not be able to slip in a key.
 */
function publicHalf(jwk: JWK): object {
  return Object.fromEntries(Object.entries(jwk).filter(([member]) => PUBLIC_MEMBERS.has(member)));
}

function parseJwk(text: string): JWK {
  const jwk: unknown = JSON.parse(text);
  if (typeof jwk !== "object" || jwk === null) throw new Error("a stored key is not a JWK");
  return jwk;
}
