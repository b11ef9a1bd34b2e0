/**
 * Does this signature belong to these bytes and this key?
 *
 * The arithmetic is OpenSSL's, called on this thread: a trip to another one and back
 * costs more than it (docs/decisions/0015). What is valid is what jose says; a test
 * holds the two together.
 */
import { createHmac, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";
import { fromDer, toDer } from "./ecdsa-signature.ts";

/** Algorithms of tokens (RFC 7518 section 3, RFC 8037 section 3.1). */
export const ALGORITHMS = ["ES256", "EdDSA", "RS256", "HS256"] as const;

/** One of {@link ALGORITHMS}. */
export type Algorithm = (typeof ALGORITHMS)[number];

/** Whether the signature is one of this key over these bytes. A key of another kind than the algorithm's throws. */
export function isSignedBy(key: KeyObject, algorithm: Algorithm, data: Uint8Array, signature: Uint8Array): boolean {
  switch (algorithm) {
    case "ES256": {
      const der = toDer(signature);
      return der !== null && verify("sha256", data, key, der);
    }
    case "EdDSA":
      return verify(null, data, key, signature);
    case "RS256":
      return verify("sha256", data, key, signature);
    case "HS256": {
      const own = createHmac("sha256", key).update(data).digest();
      return own.length === signature.length && timingSafeEqual(own, signature);
    }
  }
}

/**
 * The signature of this key over these bytes. RSA takes milliseconds, for which no
 * other call should wait: it alone goes to another thread.
 */
export function signatureOf(key: KeyObject, algorithm: Algorithm, data: Uint8Array): Uint8Array | Promise<Uint8Array> {
  switch (algorithm) {
    case "ES256":
      return fromDer(sign("sha256", data, key));
    case "EdDSA":
      return sign(null, data, key);
    case "RS256":
      return new Promise((resolve, reject) =>
        sign("sha256", data, key, (error, signature) => (error ? reject(error) : resolve(signature))),
      );
    case "HS256":
      return createHmac("sha256", key).update(data).digest();
  }
}

/** The kind of key of each algorithm, as Node names them. */
const KEY_TYPES = { ES256: "ec prime256v1", EdDSA: "ed25519", RS256: "rsa", HS256: "secret" } as const;

/** The key, if it is of the algorithm's kind and strength. @throws Error. */
export function fitting(key: KeyObject, algorithm: Algorithm): KeyObject {
  const { asymmetricKeyType: type = key.type, asymmetricKeyDetails: { namedCurve, modulusLength } = {} } = key;
  const found = namedCurve === undefined ? type : `${type} ${namedCurve}`;
  const bits = modulusLength ?? (key.symmetricKeySize ?? 32) * 8;
  if (found !== KEY_TYPES[algorithm]) throw new Error(`a key of the kind ${found} does not fit ${algorithm}`);
  if (bits < (algorithm === "RS256" ? 2048 : 256))
    throw new Error(`a key of ${bits} bits is too short for ${algorithm}`);
  return key;
}

/** Whether the text names one of {@link ALGORITHMS}. */
export function isAlgorithm(text: string): text is Algorithm {
  return ALGORITHMS.some((algorithm) => algorithm === text);
}
