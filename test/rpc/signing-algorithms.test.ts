import { createPublicKey } from "node:crypto";
import { CompactSign, createLocalJWKSet, importJWK, type JSONWebKeySet, type JWK, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemRandom } from "../../src/lib/random.ts";
import { listKeys } from "../../src/store/queries/keys.ts";
import { loadMasterKeys } from "../../src/tokens/master-key.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { partsOf, segment, signHS256, withSignature } from "../support/forge.ts";
import { type Person, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

/** What else the same key could sign with, if the header were believed. */
const ALGORITHMS = [
  { algorithm: "ES256", others: [] },
  { algorithm: "EdDSA", others: ["Ed25519"] },
  { algorithm: "RS256", others: ["RS384", "RS512", "PS256", "PS384", "PS512"] },
] as const;

describe.each(ALGORITHMS)("With $algorithm", ({ algorithm, others }) => {
  let app: TestApp;
  let person: Person;
  let judge: Judge;

  beforeAll(async () => {
    app = await startApp({ settings: { SALLYPORT_SIGNING_ALGORITHM: algorithm } });
    person = await welcome(app, "ada");
    judge = createJudge(app);
  });
  afterAll(() => app.close());
  afterEach(() => expectNoFault(app));

  const headerOf = (token: string) => JSON.parse(Buffer.from(partsOf(token)[0], "base64url").toString());

  async function keySet(): Promise<JSONWebKeySet> {
    return JSON.parse(await (await fetch(`${app.url}/.well-known/jwks.json`)).text());
  }

  /** The public key that signed the person's token, as everybody can have it. */
  async function publicJwk(): Promise<JWK> {
    const { kid } = headerOf(person.tokens.accessToken);
    const jwk = (await keySet()).keys.find((key) => key.kid === kid);
    if (jwk === undefined) throw new Error("the signing key is not published");
    return jwk;
  }

  /** The private half of the same key, as only the server has it. */
  async function privateJwk(): Promise<JWK> {
    const { kid } = headerOf(person.tokens.accessToken);
    const keys = await app.beside(({ store }) => store.read(listKeys));
    const row = keys.find((key) => key.kid === kid);
    const masterKeys = loadMasterKeys({ stated: [], dataDir: app.dataDir, mayCreate: false, random: systemRandom });
    return JSON.parse(Buffer.from(await masterKeys.decrypt(row?.private_jwe ?? "")).toString());
  }

  it("whoever logs in gets tokens that are granted, refreshed and let in", async () => {
    const { accessToken, refreshToken } = person.tokens;
    expect(headerOf(accessToken)).toMatchObject({ alg: algorithm, typ: "at+jwt" });
    expect(await judge({ accessToken })).toBe("GRANTED");
    expect((await person.account.getAccount({})).user?.username).toBe("ada");
    const refreshed = await person.auth.refresh({ refreshToken });
    expect(await judge({ accessToken: refreshed.accessToken })).toBe("GRANTED");
  });

  it("anybody can verify the tokens with the published keys alone", async () => {
    const { payload } = await jwtVerify(person.tokens.accessToken, createLocalJWKSet(await keySet()), {
      algorithms: [algorithm],
      issuer: "http://sallyport.test",
      audience: "sallyport",
      typ: "at+jwt",
      requiredClaims: ["exp", "iat", "sub", "jti", "client_id", "auth_time", "sid", "epoch", "amr", "roles"],
      currentDate: new Date(app.clock.now()),
    });
    expect(payload).toMatchObject({ sub: person.userId, sid: person.tokens.sessionId, roles: ["user"], epoch: 1 });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(600);
  });

  it("the published keys are two, of this algorithm, and public", async () => {
    const { keys } = await keySet();
    expect(keys.map(({ alg, use }) => [alg, use])).toEqual([
      [algorithm, "sig"],
      [algorithm, "sig"],
    ]);
    const members = { ES256: "alg,crv,kid,kty,use,x,y", EdDSA: "alg,crv,kid,kty,use,x", RS256: "alg,e,kid,kty,n,use" };
    for (const key of keys) expect(Object.keys(key).sort().join()).toBe(members[algorithm]);
  });

  it("what is stored of the key is the private half of what is published", async () => {
    const { kid: _, alg: __, use: ___, ...published } = await publicJwk();
    expect(await privateJwk()).toMatchObject(published);
  });

  it("HMAC under what is published of the key is TOKEN_INVALID", async () => {
    const header = { ...headerOf(person.tokens.accessToken), alg: "HS256" };
    const payload = Buffer.from(partsOf(person.tokens.accessToken)[1], "base64url");
    const jwk = await publicJwk();
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    const pem = key.export({ type: "spki", format: "pem" }).toString();
    const secrets = [pem, pem.trim(), key.export({ type: "spki", format: "der" }), JSON.stringify(jwk), jwk.kid ?? ""];
    const texts = [jwk.x, jwk.n].filter((text) => text !== undefined).map((text) => Buffer.from(text, "base64url"));
    for (const secret of [...secrets, ...texts]) {
      expect(await judge({ accessToken: signHS256(secret, header, payload) })).toBe("TOKEN_INVALID, LOG_IN");
    }
  });

  it("no signature, half of one, and one with a bit turned are TOKEN_INVALID", async () => {
    const { accessToken } = person.tokens;
    const forged = [
      withSignature(accessToken, () => Buffer.of()),
      withSignature(accessToken, (bytes) => Buffer.alloc(bytes.length)),
      withSignature(accessToken, (bytes) => bytes.subarray(0, bytes.length / 2)),
      withSignature(accessToken, (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
      withSignature(accessToken, (bytes) => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1)),
    ];
    for (const token of forged) expect(await judge({ accessToken: token })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it.each([...others, "none"])("the same key with %s is TOKEN_INVALID, however good its signature", async (alg) => {
    const { kid } = headerOf(person.tokens.accessToken);
    const payload = Buffer.from(partsOf(person.tokens.accessToken)[1], "base64url");
    const header = { alg, typ: "at+jwt", kid };
    const token =
      alg === "none"
        ? `${segment(header)}.${segment(payload)}.`
        : await new CompactSign(payload).setProtectedHeader(header).sign(await importJWK(await privateJwk(), alg));
    expect(await judge({ accessToken: token })).toBe("TOKEN_INVALID, LOG_IN");
    expect(await refusalOf(person.auth.refresh({ refreshToken: token }))).toMatchObject({
      reason: "REFRESH_TOKEN_INVALID",
    });
  });
});
