import { createPublicKey } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { type Forge, type Forgery, openForge, partsOf, segment, signHS256 } from "../support/forge.ts";
import { welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let forge: Forge;
let judge: Judge;

beforeAll(async () => {
  app = await startApp();
  forge = await openForge(app, (await welcome(app, "mallory")).tokens);
  judge = createJudge(app);
});
afterAll(() => app.close());
afterEach(() => expectNoFault(app));

/** The claims of the honest token behind another header, with nothing or anything for a signature. */
function unsigned(alg: unknown, signature: string): (forge: Forge) => string {
  return ({ honest }) => `${segment({ ...honest.header, alg })}.${segment(honest.claims)}.${signature}`;
}

/** The honest token signed by HMAC under what everybody knows of the server's key. */
function confused(secretOf: (forge: Forge) => string | Uint8Array): (forge: Forge) => string {
  return (from) => signHS256(secretOf(from), { ...from.honest.header, alg: "HS256" }, from.honest.claims);
}

const spki = ({ publicJwk }: Forge) => createPublicKey({ key: { ...publicJwk }, format: "jwk" });

const ALGORITHMS: readonly Forgery[] = [
  ...["none", "None", "NONE", "nOnE", "", null].flatMap((alg): Forgery[] => [
    [`alg ${JSON.stringify(alg)} without a signature`, unsigned(alg, "")],
    [`alg ${JSON.stringify(alg)} with one`, ({ honest }) => unsigned(alg, partsOf(honest.token)[2])(forge)],
  ]),
  ["HS256 keyed with the public JWK's text", confused(({ publicJwk }) => JSON.stringify(publicJwk))],
  ["HS256 keyed with the public key's x", confused(({ publicJwk }) => Buffer.from(publicJwk.x ?? "", "base64url"))],
  ["HS256 keyed with the PEM", confused((from) => spki(from).export({ type: "spki", format: "pem" }).toString())],
  ["HS256 keyed with the SPKI bytes", confused((from) => spki(from).export({ type: "spki", format: "der" }))],
  ["HS256 keyed with the kid", confused(({ publicJwk }) => publicJwk.kid ?? "")],
  ["HS256 keyed with nothing", confused(() => "")],
  ...["ES384", "ES512", "RS256", "PS256", "EdDSA", "HS256", "es256", "ES256K", "ES256 ", 256, ["ES256"]].map(
    (alg): Forgery => [`our signature said to be ${JSON.stringify(alg)}`, ({ token }) => token({}, { alg })],
  ),
];

const KEYS: readonly Forgery[] = [
  ["a foreign key under our kid", ({ tokenUnder, foreign }) => tokenUnder(foreign.key)],
  ["a foreign key under a foreign kid", ({ tokenUnder, foreign }) => tokenUnder(foreign.key, {}, { kid: "mine" })],
  ["a foreign key without a kid", ({ tokenUnder, foreign }) => tokenUnder(foreign.key, {}, { kid: undefined })],
  ...["mine", "", null, 1, ["kid"], "__proto__", "constructor", "../../../dev/null", "' or 1=1 --"].map(
    (kid): Forgery => [`our key under the kid ${JSON.stringify(kid)}`, ({ token }) => token({}, { kid })],
  ),
  [
    "the refresh secret under its own kid",
    ({ refreshSecret: { kid, key }, honest }) => signHS256(key, { ...honest.header, alg: "HS256", kid }, honest.claims),
  ],
  [
    "the refresh secret under our kid",
    ({ refreshSecret: { key }, honest }) => signHS256(key, { ...honest.header, alg: "HS256" }, honest.claims),
  ],
  [
    "a foreign key that the header brings along (jwk)",
    ({ tokenUnder, foreign }) => tokenUnder(foreign.key, {}, { jwk: foreign.publicJwk }),
  ],
  [
    "a foreign key that the header brings along in place of a kid",
    ({ tokenUnder, foreign }) => tokenUnder(foreign.key, {}, { jwk: foreign.publicJwk, kid: undefined }),
  ],
];

const HEADERS: readonly Forgery[] = [
  ...["JWT", "rt+jwt", "AT+JWT", "At+jwt", "application/at+jwt", "at+jwt ", "", null, ["at+jwt"], undefined].map(
    (typ): Forgery => [`typ ${JSON.stringify(typ) ?? "missing"}`, ({ token }) => token({}, { typ })],
  ),
  ["crit", ({ token }) => token({}, { crit: ["exp"], exp: 0 })],
  ["empty crit", ({ token }) => token({}, { crit: [] })],
  ["b64 false (RFC 7797)", ({ token }) => token({}, { b64: false, crit: ["b64"] })],
  ["b64 true", ({ token }) => token({}, { b64: true, crit: ["b64"] })],
  ["jku", ({ token }) => token({}, { jku: "https://mallory.example/jwks.json" })],
  ["jwk", ({ token, publicJwk }) => token({}, { jwk: publicJwk })],
  ["x5u", ({ token }) => token({}, { x5u: "https://mallory.example/chain.pem" })],
  ["x5c", ({ token }) => token({}, { x5c: ["MIIB"] })],
  ["x5t#S256", ({ token }) => token({}, { "x5t#S256": "AAAA" })],
  ["cty", ({ token }) => token({}, { cty: "JWT" })],
  ["zip", ({ token }) => token({}, { zip: "DEF" })],
  ["a member of nobody's", ({ token }) => token({}, { anything: 1 })],
  ["a header that is an array", ({ sign, honest }) => sign("[]", honest.claims)],
  ["a header that is a text", ({ sign, honest }) => sign('"at+jwt"', honest.claims)],
  ["a header that is null", ({ sign, honest }) => sign("null", honest.claims)],
  ["a header that is not JSON", ({ sign, honest }) => sign("{", honest.claims)],
  ["a header of 5,000 arrays in each other", ({ sign }) => sign("[".repeat(2500) + "]".repeat(2500), "{}")],
];

describe("A token that is granted as it was issued is TOKEN_INVALID", () => {
  it.each([...ALGORITHMS, ...KEYS, ...HEADERS])("with %s", async (_name, make) => {
    expect(await judge({ accessToken: await make(forge) })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("though it is signed by our key, if it is a refresh token", async () => {
    expect(await judge({ accessToken: forge.refreshToken })).toBe("TOKEN_INVALID, LOG_IN");
    expect(await judge({ accessToken: await forge.token({}, { typ: "rt+jwt" }) })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("and is no refresh token under our signing key, whatever it says of itself", async () => {
    const [header = "", payload = ""] = forge.refreshToken.split(".");
    const claims = Buffer.from(payload, "base64url");
    const said = JSON.parse(Buffer.from(header, "base64url").toString());
    for (const changed of [said, { ...said, alg: "ES256" }, { ...said, alg: "ES256", kid: forge.honest.header.kid }]) {
      const refusal = await refusalOf(
        clientsOf(app.url).auth.refresh({ refreshToken: await forge.sign(changed, claims) }),
      );
      expect(refusal).toMatchObject({ code: "Unauthenticated", reason: "REFRESH_TOKEN_INVALID" });
    }
  });

  it("but only with such a header: signed again by our key, it is granted", async () => {
    expect(await judge({ accessToken: forge.honest.token })).toBe("GRANTED");
    expect(await judge({ accessToken: await forge.token() })).toBe("GRANTED");
  });
});
