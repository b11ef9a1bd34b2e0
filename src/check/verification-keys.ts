import type { KeyObject } from "node:crypto";
import type { Algorithm } from "./signature.ts";

/** A public key that access tokens may be signed with. */
export type VerificationKey = {
  readonly kid: string;
  /** The one algorithm that the key is used with. */
  readonly algorithm: Algorithm;
  readonly publicKey: KeyObject;
};

/** The public keys in force, by key id. Identity counts: a key that was withdrawn and made anew is another object. */
export type VerificationKeys = {
  readonly get: (kid: string) => VerificationKey | undefined;
};
