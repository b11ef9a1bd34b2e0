/** Our signatures and jose's: whatever one makes or takes, the other takes too, and nothing else. */
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { CompactSign, compactVerify } from "jose";
import { describe, expect, it } from "vitest";
import {
  ALGORITHMS,
  type Algorithm,
  fitting,
  isAlgorithm,
  isSignedBy,
  signatureOf,
} from "../../src/check/signature.ts";
import { COMPACT } from "../support/jose-vectors.ts";

const SECRET = createSecretKey(Buffer.alloc(32, 7));
const PAIRS: Readonly<Record<Algorithm, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }>> = {
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: generateKeyPairSync("ed25519"),
  RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  HS256: { privateKey: SECRET, publicKey: SECRET },
};
/** Order of P-256 (SEC 2 section 2.4.2). */
const N = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");

/** Whether each of the two takes the token. */
async function takenBy(token: string, algorithm: Algorithm, key: KeyObject) {
  const end = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  const own = isSignedBy(key, algorithm, Buffer.from(token.slice(0, end)), signature);
  const jose = await compactVerify(token, key, { algorithms: [algorithm] }).then(
    () => true,
    () => false,
  );
  return { own, jose };
}

describe.each(ALGORITHMS)("A signature by %s", (algorithm) => {
  const { privateKey, publicKey } = PAIRS[algorithm];
  const header = Buffer.from(JSON.stringify({ alg: algorithm })).toString("base64url");

  async function tokenOf(payload: Uint8Array, change = (signature: Uint8Array) => signature): Promise<string> {
    const input = `${header}.${Buffer.from(payload).toString("base64url")}`;
    const signature = change(await signatureOf(privateKey, algorithm, Buffer.from(input)));
    return `${input}.${Buffer.from(signature).toString("base64url")}`;
  }

  it("is taken by jose, and jose's by us", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1 }), async (payload) => {
        const theirs = await new CompactSign(payload).setProtectedHeader({ alg: algorithm }).sign(privateKey);
        expect(await takenBy(theirs, algorithm, publicKey)).toEqual({ own: true, jose: true });
        expect(await takenBy(await tokenOf(payload), algorithm, publicKey)).toEqual({ own: true, jose: true });
      }),
      { numRuns: 20 },
    );
  });

  it("that was changed is taken by neither", async () => {
    const change = fc.oneof(
      fc.nat().map((at) => (bytes: Uint8Array) => bytes.map((byte, i) => (i === at % bytes.length ? byte ^ 1 : byte))),
      fc.nat().map((cut) => (bytes: Uint8Array) => bytes.subarray(0, cut % bytes.length)),
      fc.uint8Array({ minLength: 1, maxLength: 70 }).map((more) => (bytes: Uint8Array) => Buffer.concat([bytes, more])),
      fc.uint8Array({ maxLength: 400 }).map((other) => () => other),
      fc.constantFrom(0, 1, 255).map((byte) => (bytes: Uint8Array) => bytes.map(() => byte)),
    );
    await fc.assert(
      fc.asyncProperty(change, async (changed) => {
        const token = await tokenOf(Buffer.from("payload"), changed);
        expect(await takenBy(token, algorithm, publicKey)).toEqual({ own: false, jose: false });
      }),
      { numRuns: 100 },
    );
  });

  it("is taken under no other key of its kind", async () => {
    const other = algorithm === "HS256" ? createSecretKey(Buffer.alloc(32, 8)) : otherKey(algorithm);
    expect(await takenBy(await tokenOf(Buffer.from("payload")), algorithm, other)).toEqual({ own: false, jose: false });
  });

  it("needs a key of its own kind", () => {
    expect(fitting(privateKey, algorithm)).toBe(privateKey);
    for (const other of ALGORITHMS) {
      if (other !== algorithm) expect(() => fitting(PAIRS[other].publicKey, algorithm)).toThrow("does not fit");
    }
  });
});

function otherKey(algorithm: "ES256" | "EdDSA" | "RS256"): KeyObject {
  if (algorithm === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519").publicKey;
  return generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
}

describe("Signatures of P-256 at the edges", () => {
  it.each([
    ["of zeros", () => Buffer.alloc(64)],
    ["whose r is the order", (bytes: Buffer) => Buffer.concat([N, bytes.subarray(32)])],
    ["whose s is the order", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 32), N])],
    ["in DER", () => Buffer.from("3006020101020101", "hex")],
  ])("%s are taken by neither", async (_what, change) => {
    const { privateKey, publicKey } = PAIRS.ES256;
    const honest = await new CompactSign(Buffer.from("x")).setProtectedHeader({ alg: "ES256" }).sign(privateKey);
    const end = honest.lastIndexOf(".") + 1;
    const changed = change(Buffer.from(honest.slice(end), "base64url")).toString("base64url");
    const token = honest.slice(0, end) + changed;
    expect(await takenBy(token, "ES256", publicKey)).toEqual({ own: false, jose: false });
  });
});

describe("The examples of the RFCs", () => {
  const known = COMPACT.flatMap(({ name, token, keys: [jwk] }) => {
    const { alg } = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString());
    return jwk !== undefined && isAlgorithm(alg) ? [{ name, token, alg, jwk }] : [];
  });

  it("are there for every algorithm", () => {
    expect(new Set(known.map(({ alg }) => alg))).toEqual(new Set(ALGORITHMS));
  });

  it.each(known)("$name is taken", async ({ token, alg, jwk }) => {
    const key = jwk.k ? createSecretKey(jwk.k, "base64url") : createPublicKey({ key: { ...jwk }, format: "jwk" });
    expect(await takenBy(token, alg, fitting(key, alg))).toEqual({ own: true, jose: true });
  });
});

describe("A key", () => {
  it.each([
    ["of another curve", generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey, "ES256", "does not fit"],
    ["of Ed448", generateKeyPairSync("ed448").publicKey, "EdDSA", "does not fit"],
    ["of RSA with 1,024 bits", generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey, "RS256", "too short"],
    ["of RSA for another padding", generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey, "RS256", "fit"],
    ["of 31 bytes", createSecretKey(Buffer.alloc(31)), "HS256", "too short"],
  ] as const)("%s is refused", (_what, key, algorithm, words) => {
    expect(() => fitting(key, algorithm)).toThrow(words);
  });

  it("for an algorithm of others is none of ours", () => {
    for (const text of ["none", "HS512", "ES384", "es256", "", "RS256 "]) expect(isAlgorithm(text)).toBe(false);
    expect(() => createPrivateKey({ key: { kty: "oct", k: "AA" }, format: "jwk" })).toThrow();
  });
});
