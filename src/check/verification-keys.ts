import type { CryptoKey } from "jose";

/** A public key that access tokens may be signed with. */
export type VerificationKey = {
  readonly kid: string;
  /** The one algorithm (RFC 7518) that the key is used with. */
  readonly algorithm: string;
  readonly publicKey: CryptoKey;
};

/** The public keys in force, by key id. Identity counts: a key that was withdrawn and made anew is another object. */
export type VerificationKeys = {
  readonly get: (kid: string) => VerificationKey | undefined;
};
