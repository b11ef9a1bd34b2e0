import { randomBytes } from "node:crypto";
import { compactVerify } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { systemRandom } from "../../src/lib/random.ts";
import type { KeyRow } from "../../src/store/queries/keys.ts";
import { generateRefreshSecret, generateSigningKey, type SigningAlgorithm } from "../../src/tokens/key-material.ts";
import { createKeyRing, type KeyRing } from "../../src/tokens/key-ring.ts";
import { createMasterKeys, MasterKeyError } from "../../src/tokens/master-key.ts";
import { signES256 } from "../support/forge.ts";

const masterKeys = createMasterKeys([randomBytes(32)]);
const LIFE = { maxAccessTtlMs: 600_000 };
/** Members that only the holder of a private key or a secret may know (RFC 7518 section 6, RFC 8037 section 2). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

let active: KeyRow;
let next: KeyRow;
let retired: KeyRow;
let secret: KeyRow;
let oldSecret: KeyRow;

beforeAll(async () => {
  const signing = (algorithm: SigningAlgorithm, state: "next" | "active") =>
    generateSigningKey(algorithm, state, 0, masterKeys);
  [active, next, retired] = await Promise.all([
    signing("ES256", "active"),
    signing("EdDSA", "next"),
    signing("ES256", "active"),
  ]);
  retired = { ...retired, state: "retired", expires_at: 1 };
  secret = await generateRefreshSecret(systemRandom, 0, masterKeys);
  oldSecret = { ...(await generateRefreshSecret(systemRandom, 0, masterKeys)), state: "retired" };
});

const all = () => [retired, oldSecret, active, next, secret];

async function ringOf(keys: readonly KeyRow[]): Promise<KeyRing> {
  const ring = createKeyRing(masterKeys);
  await ring.load({ keys, ...LIFE });
  return ring;
}

describe("The key ring", () => {
  it("is empty before it is loaded, and signs nothing", () => {
    const ring = createKeyRing(masterKeys);
    expect(() => ring.signingKey()).toThrow("no active key");
    expect(() => ring.refreshKey()).toThrow("no active key");
    expect([ring.jwks(), ring.maxAccessTtlMs()]).toEqual([{ keys: [] }, 0]);
  });

  it("signs with the active key of each use, and no other", async () => {
    const ring = await ringOf(all());
    expect(ring.signingKey()).toMatchObject({ kid: active.kid, algorithm: "ES256" });
    expect(ring.refreshKey()).toMatchObject({ kid: secret.kid, algorithm: "HS256" });
  });

  it("signs with nothing where no key is active, however many there are", async () => {
    const ring = await ringOf([next, retired, oldSecret]);
    expect(() => ring.signingKey()).toThrow("no active key for access tokens");
    expect(() => ring.refreshKey()).toThrow("no active key for refresh tokens");
  });

  it("verifies with next, active and retired, under their own names and algorithms", async () => {
    const ring = await ringOf(all());
    for (const { kid, algorithm } of [next, active, retired]) {
      expect(ring.verificationKeys.get(kid)).toMatchObject({ kid, algorithm });
    }
  });

  it("verifies what its active key has signed", async () => {
    const ring = await ringOf(all());
    const { key, kid } = ring.signingKey();
    const token = await signES256(key, { alg: "ES256" }, "payload");
    const verifier = (name: string) => ring.verificationKeys.get(name)?.publicKey ?? Buffer.of();
    await expect(compactVerify(token, verifier(kid))).resolves.toHaveProperty("payload");
    await expect(compactVerify(token, verifier(retired.kid))).rejects.toThrow();
  });

  it("takes no refresh secret for a verification key, nor a signing key for a refresh secret", async () => {
    const ring = await ringOf(all());
    for (const { kid } of [secret, oldSecret]) expect(ring.verificationKeys.get(kid)).toBeUndefined();
    for (const { kid } of [active, next, retired]) expect(ring.refreshKeyNamed(kid)).toBeUndefined();
    expect(ring.refreshKeyNamed(secret.kid)?.kid).toBe(secret.kid);
    expect(ring.refreshKeyNamed(oldSecret.kid)?.kid).toBe(oldSecret.kid);
  });

  it.each(["", "__proto__", "constructor", "undefined"])("knows no key of the name %j", async (kid) => {
    const ring = await ringOf(all());
    expect([ring.verificationKeys.get(kid), ring.refreshKeyNamed(kid)]).toEqual([undefined, undefined]);
  });

  it("follows the table: keys that move on, come and go", async () => {
    const ring = await ringOf([active, next, secret]);
    const moved = [{ ...active, state: "retired" as const }, { ...next, state: "active" as const }, secret];
    await ring.load({ keys: moved, maxAccessTtlMs: 900_000 });
    expect(ring.signingKey()).toMatchObject({ kid: next.kid, algorithm: "EdDSA" });
    expect(ring.verificationKeys.get(active.kid)).toBeDefined();
    expect(ring.maxAccessTtlMs()).toBe(900_000);
    await ring.load({ keys: moved.slice(1), ...LIFE });
    expect(ring.verificationKeys.get(active.kid)).toBeUndefined();
    expect(ring.jwks().keys.map(({ kid }) => kid)).toEqual([next.kid]);
  });

  it("keeps a key that stays, and makes another of one that was gone and returns", async () => {
    const ring = await ringOf(all());
    const before = ring.verificationKeys.get(active.kid);
    await ring.load({ keys: all(), ...LIFE });
    expect(ring.verificationKeys.get(active.kid)).toBe(before);
    await ring.load({ keys: [next, secret], ...LIFE });
    await ring.load({ keys: all(), ...LIFE });
    expect(ring.verificationKeys.get(active.kid)).not.toBe(before);
  });

  it("is as it was when keys come that it cannot decrypt", async () => {
    const ring = await ringOf(all());
    const foreign = await generateSigningKey("ES256", "active", 0, createMasterKeys([randomBytes(32)]));
    const attempt = ring.load({ keys: [foreign, secret], maxAccessTtlMs: 1 });
    await expect(attempt).rejects.toThrow(MasterKeyError);
    expect([ring.signingKey().kid, ring.maxAccessTtlMs()]).toEqual([active.kid, LIFE.maxAccessTtlMs]);
  });

  it("refuses a stored key that is none", async () => {
    for (const text of ["[]", "1", "null", "{}"]) {
      const broken = { ...active, private_jwe: await masterKeys.encrypt(Buffer.from(text)) };
      await expect(ringOf([broken]), text).rejects.toThrow();
    }
  });

  it("refuses a secret where a signing key should be", async () => {
    const shared = JSON.stringify({ kty: "oct", k: Buffer.alloc(32).toString("base64url") });
    const private_jwe = await masterKeys.encrypt(Buffer.from(shared));
    await expect(ringOf([{ ...active, private_jwe }])).rejects.toThrow();
  });
});

describe("The id of a new key", () => {
  it("never begins with a dash: on a command line it would be an option", async () => {
    const made = Array.from({ length: 400 }, () => generateSigningKey("EdDSA", "next", 0, masterKeys));
    expect((await Promise.all(made)).map(({ kid }) => kid)).not.toContainEqual(expect.stringMatching(/^-/));
  });
});

describe("The published key set", () => {
  it.each<SigningAlgorithm>(["ES256", "EdDSA", "RS256"])("holds no private member of an %s key", async (algorithm) => {
    const key = await generateSigningKey(algorithm, "active", 0, masterKeys);
    const [jwk] = (await ringOf([key, secret])).jwks().keys;
    expect(jwk).toMatchObject({ kid: key.kid, alg: algorithm, use: "sig" });
    expect(Object.keys(jwk ?? {}).filter((name) => PRIVATE_MEMBERS.includes(name))).toEqual([]);
    const stored = JSON.parse(Buffer.from(await masterKeys.decrypt(key.private_jwe)).toString());
    const hidden = PRIVATE_MEMBERS.flatMap((name) => (name in stored ? [stored[name]] : []));
    expect(hidden.length).toBeGreaterThan(0);
    for (const value of hidden) expect(JSON.stringify(jwk)).not.toContain(value);
  });

  it("holds next, active and retired, and no refresh secret", async () => {
    const ring = await ringOf(all());
    const kids = ring.jwks().keys.map(({ kid }) => kid);
    expect(kids).toEqual([retired.kid, active.kid, next.kid]);
    const opened = JSON.parse(Buffer.from(await masterKeys.decrypt(secret.private_jwe)).toString());
    for (const part of [secret.kid, oldSecret.kid, opened.k, "oct"]) {
      expect(JSON.stringify(ring.jwks())).not.toContain(part);
    }
  });
});

describe("A new key", () => {
  it("is stored without its private half in clear", async () => {
    for (const row of all()) {
      const opened = JSON.parse(Buffer.from(await masterKeys.decrypt(row.private_jwe)).toString());
      expect(JSON.stringify(row)).not.toContain(opened.d ?? opened.k);
    }
  });

  it("is like no other, in its name and in its secret", async () => {
    const secrets = await Promise.all([1, 2, 3].map(() => generateRefreshSecret(systemRandom, 0, masterKeys)));
    const opened = await Promise.all(secrets.map(async (row) => String(await masterKeys.decrypt(row.private_jwe))));
    expect(new Set([...all(), ...secrets].map(({ kid }) => kid)).size).toBe(8);
    expect(new Set(opened).size).toBe(3);
  });
});
