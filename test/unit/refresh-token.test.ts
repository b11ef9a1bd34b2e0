import { createSecretKey, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createRefreshTokens } from "../../src/tokens/refresh-token.ts";
import { makeBenchKey } from "../support/check-bench.ts";
import { type Content, type Members, partsOf, segment, signES256, signHS256, strayBits } from "../support/forge.ts";

const ISSUER = "http://sallyport.test";
const SECRETS = { old: randomBytes(32), new: randomBytes(32) };
const HEADER: Members = { alg: "HS256", typ: "rt+jwt", kid: "new" };
const GRANT = { sessionId: "ses_1", generation: 3, issuedAt: 1_790_000_000_000, expiresAt: 1_790_001_000_000 };
const CLAIMS: Members = { iss: ISSUER, aud: ISSUER, sid: "ses_1", gen: 3, iat: 1_790_000_000, exp: 1_790_001_000 };

/** Refresh tokens that are signed with the secret of this name, and read with either. */
function tokensSignedWith(kid: keyof typeof SECRETS, issuer = ISSUER) {
  const keyNamed = (name: keyof typeof SECRETS) =>
    ({ kid: name, algorithm: "HS256", key: createSecretKey(SECRETS[name]) }) as const;
  const named = (name: string) => (name === "old" || name === "new" ? keyNamed(name) : undefined);
  return createRefreshTokens({
    issuer,
    keys: { refreshKey: () => keyNamed(kid), refreshKeyNamed: named },
  });
}

const tokens = tokensSignedWith("new");
const forged = (header: Content, claims: Content) => signHS256(SECRETS.new, header, claims);

describe("A refresh token", () => {
  it("says what it was issued for", async () => {
    expect(tokens.read(await tokens.issue(GRANT))).toEqual(GRANT);
  });

  it("is the same bytes each time, so that a repeated answer repeats the token", async () => {
    const first = await tokens.issue(GRANT);
    expect(await tokens.issue({ ...GRANT })).toBe(first);
    expect(await tokensSignedWith("new").issue(GRANT)).toBe(first);
    expect(first).toBe(forged(HEADER, CLAIMS));
  });

  it.each([{ sessionId: "ses_2" }, { generation: 4 }, { issuedAt: 0 }, { expiresAt: 1_790_001_001_000 }])(
    "is another for another grant: %o",
    async (other) => {
      const token = await tokens.issue({ ...GRANT, ...other });
      expect(token).not.toBe(await tokens.issue(GRANT));
      expect(tokens.read(token)).toEqual({ ...GRANT, ...other });
    },
  );

  it("tells whole seconds, and never more time than was granted", async () => {
    const token = await tokens.issue({ ...GRANT, issuedAt: GRANT.issuedAt + 999, expiresAt: GRANT.expiresAt + 999 });
    expect(tokens.read(token)).toEqual(GRANT);
  });

  it("is read after its expiry: whoever asks looks at the clock", async () => {
    expect(tokens.read(await tokens.issue({ ...GRANT, expiresAt: 1000 }))).toMatchObject({ expiresAt: 1000 });
  });

  it("is read though another secret signs by now", async () => {
    expect(tokens.read(await tokensSignedWith("old").issue(GRANT))).toEqual(GRANT);
  });

  it("is nobody's to another issuer, even with the same secrets", async () => {
    const others = tokensSignedWith("new", "http://other.test");
    expect(others.read(await tokens.issue(GRANT))).toBeNull();
    expect(tokens.read(await others.issue(GRANT))).toBeNull();
  });
});

describe("No refresh token is", () => {
  it.each([
    ["one of another secret under our kid", () => signHS256(randomBytes(32), HEADER, CLAIMS)],
    ["one of our secret under another's kid", () => forged({ ...HEADER, kid: "old" }, CLAIMS)],
    ["one of an unknown kid", () => forged({ ...HEADER, kid: "newer" }, CLAIMS)],
    ["one without a kid", () => forged({ ...HEADER, kid: undefined }, CLAIMS)],
    ["one of alg none", () => `${segment({ ...HEADER, alg: "none" })}.${segment(CLAIMS)}.`],
    ["one said to be HS512", () => forged({ ...HEADER, alg: "HS512" }, CLAIMS)],
    ["one of typ JWT", () => forged({ ...HEADER, typ: "JWT" }, CLAIMS)],
    ["one of the type of access tokens", () => forged({ ...HEADER, typ: "at+jwt" }, CLAIMS)],
    ["one of the type in capitals", () => forged({ ...HEADER, typ: "RT+JWT" }, CLAIMS)],
    ["one with crit", () => forged({ ...HEADER, crit: ["exp"] }, CLAIMS)],
    ["one with b64", () => forged({ ...HEADER, b64: false, crit: ["b64"] }, CLAIMS)],
    ["one with jwk", () => forged({ ...HEADER, jwk: { kty: "oct", k: "AA" } }, CLAIMS)],
    ["one of another audience", () => forged(HEADER, { ...CLAIMS, aud: "sallyport" })],
    ["one of our audience in a list", () => forged(HEADER, { ...CLAIMS, aud: [ISSUER] })],
    ["one of another issuer", () => forged(HEADER, { ...CLAIMS, iss: `${ISSUER}/` })],
    ["one without a session", () => forged(HEADER, { ...CLAIMS, sid: undefined })],
    ["one whose session is a number", () => forged(HEADER, { ...CLAIMS, sid: 1 })],
    ["one without a generation", () => forged(HEADER, { ...CLAIMS, gen: undefined })],
    ["one whose generation is a text", () => forged(HEADER, { ...CLAIMS, gen: "3" })],
    ["one whose generation is a fraction", () => forged(HEADER, { ...CLAIMS, gen: 3.5 })],
    ["one whose generation is beyond counting", () => forged(HEADER, { ...CLAIMS, gen: 2 ** 53 })],
    ["one without exp", () => forged(HEADER, { ...CLAIMS, exp: undefined })],
    ["one whose exp is a text", () => forged(HEADER, { ...CLAIMS, exp: "1790001000" })],
    ["one whose exp is huge", () => forged(HEADER, { ...CLAIMS, exp: 1e300 })],
    ["one without iat", () => forged(HEADER, { ...CLAIMS, iat: undefined })],
    ["one with a claim twice", () => forged(HEADER, JSON.stringify(CLAIMS).replace("{", '{"gen":4,'))],
    ["one with white space in its claims", () => forged(HEADER, JSON.stringify(CLAIMS, null, 1))],
    ["one whose claims are an array", () => forged(HEADER, "[]")],
    ["one whose claims are no JSON", () => forged(HEADER, "{")],
    ["one with padding", () => `${forged(HEADER, CLAIMS)}=`],
    ["one with stray bits in the signature", () => strayBits(forged(HEADER, CLAIMS), 2)],
    ["one with white space around it", () => ` ${forged(HEADER, CLAIMS)}\n`],
    ["one with a segment more", () => `${forged(HEADER, CLAIMS)}.e30`],
    ["one without its signature", () => partsOf(forged(HEADER, CLAIMS)).slice(0, 2).join(".")],
    ["one with an empty signature", () => `${partsOf(forged(HEADER, CLAIMS)).slice(0, 2).join(".")}.`],
    ["nothing", () => ""],
    ["dots", () => "..".repeat(5000)],
  ])("%s", async (_name, make) => {
    expect(tokens.read(make())).toBeNull();
  });

  it("one whose signature lacks a bit, wherever", async () => {
    const [header, payload, signature] = partsOf(forged(HEADER, CLAIMS));
    const bytes = Buffer.from(signature, "base64url");
    for (let at = 0; at < bytes.length; at += 1) {
      const turned = Buffer.from(bytes.with(at, (bytes[at] ?? 0) ^ 0x80)).toString("base64url");
      expect(tokens.read(`${header}.${payload}.${turned}`), `byte ${at}`).toBeNull();
    }
  });

  it("an access token's claims or key", async () => {
    const { privateKey } = await makeBenchKey("new");
    expect(tokens.read(await signES256(privateKey, { ...HEADER, alg: "ES256" }, CLAIMS))).toBeNull();
    expect(tokens.read(await signES256(privateKey, HEADER, CLAIMS))).toBeNull();
  });
});
