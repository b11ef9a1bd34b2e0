import { CompactEncrypt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { type Forge, type Forgery, openForge, partsOf, strayBits, withSignature } from "../support/forge.ts";
import { welcome } from "../support/people.ts";

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

const SIGNATURES: readonly Forgery[] = [
  ["no signature", ({ honest }) => `${partsOf(honest.token).slice(0, 2).join(".")}.`],
  ["no signature, nor its dot", ({ honest }) => partsOf(honest.token).slice(0, 2).join(".")],
  [
    "the signature of another token",
    async ({ honest, token }) => {
      const [header, payload] = partsOf(await token({ sub: "usr_root" }));
      return `${header}.${payload}.${partsOf(honest.token)[2]}`;
    },
  ],
  ["r and s changed over", ({ honest }) => withSignature(honest.token, (rs) => swapped(rs))],
  ["r and s zero", ({ honest }) => withSignature(honest.token, () => Buffer.alloc(64))],
  ["r and s as large as the group's order", ({ honest }) => withSignature(honest.token, () => P256_ORDER_TWICE)],
  ["a signature in DER", ({ honest }) => withSignature(honest.token, derOf)],
  ["a signature that is cut short", ({ honest }) => withSignature(honest.token, (rs) => rs.subarray(0, 63))],
  ["a signature with a byte more", ({ honest }) => withSignature(honest.token, (rs) => Buffer.concat([rs, rs]))],
  ...[0, 31, 32, 63].map(
    (at): Forgery => [
      `a signature with a bit turned in byte ${at}`,
      ({ honest }) => withSignature(honest.token, (rs) => rs.with(at, (rs[at] ?? 0) ^ 1)),
    ],
  ),
];

const FORMS: readonly Forgery[] = [
  ["a JWE of the honest token under the public key", ({ honest, publicJwk }) => encrypted(honest.token, publicJwk)],
  ["the general JSON serialization", ({ honest }) => JSON.stringify(generalOf(honest.token))],
  ["the flattened JSON serialization", ({ honest }) => JSON.stringify(flattenedOf(honest.token))],
  ["padding after the signature", ({ honest }) => `${honest.token}==`],
  ["padding after the payload", ({ honest }) => honest.token.replace(/\.(?=[^.]*$)/, "=.")],
  ...[" ", "\n", "\t", "\r\n", "\u00a0", "\u200b", "\ufeff", "\u0000"].flatMap((space): Forgery[] => [
    [`${JSON.stringify(space)} before it`, ({ honest }) => space + honest.token],
    [`${JSON.stringify(space)} after it`, ({ honest }) => honest.token + space],
    [`${JSON.stringify(space)} inside`, ({ honest }) => honest.token.replace(".", `.${space}`)],
  ]),
  ["the scheme in front", ({ honest }) => `Bearer ${honest.token}`],
  ["quotes around it", ({ honest }) => `"${honest.token}"`],
  ["a dot more", ({ honest }) => `${honest.token}.`],
  ["a segment more", ({ honest }) => `${honest.token}.e30`],
  ["a letter of standard base64", ({ honest }) => `${honest.token.slice(0, -4)}+/AA`],
  ["stray bits in the signature", ({ honest }) => strayBits(honest.token, 2)],
  ["stray bits in the header", ({ honest }) => strayBits(honest.token, 0)],
  [
    "the honest token inside another (nested)",
    ({ sign, honest }) => sign({ ...honest.header, cty: "JWT" }, honest.token),
  ],
];

describe("An honest token is TOKEN_INVALID", () => {
  it.each([...SIGNATURES, ...FORMS])("with, or as, %s", async (_name, make) => {
    const accessToken = await make(forge);
    expect(accessToken).not.toBe(forge.honest.token);
    expect(await judge({ accessToken })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("but GRANTED as it was issued", async () => {
    expect(await judge({ accessToken: forge.honest.token })).toBe("GRANTED");
  });
});

const P256_ORDER = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P256_ORDER_TWICE = Buffer.from(P256_ORDER + P256_ORDER, "hex");

function swapped(rs: Buffer): Buffer {
  return Buffer.concat([rs.subarray(32), rs.subarray(0, 32)]);
}

/** The signature as X.509 has it: a SEQUENCE of two INTEGERs. */
function derOf(rs: Buffer): Buffer {
  const integers = [rs.subarray(0, 32), rs.subarray(32)].map((bytes) => {
    const value = bytes[0] !== undefined && bytes[0] > 0x7f ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
    return Buffer.concat([Buffer.of(2, value.length), value]);
  });
  const content = Buffer.concat(integers);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}

function flattenedOf(token: string) {
  const [header, payload, signature] = partsOf(token);
  return { protected: header, payload, signature };
}

function generalOf(token: string) {
  const { payload, ...signed } = flattenedOf(token);
  return { payload, signatures: [signed] };
}

async function encrypted(token: string, jwk: Forge["publicJwk"]): Promise<string> {
  const header = { alg: "ECDH-ES", enc: "A256GCM", cty: "JWT", kid: jwk.kid ?? "" };
  const { alg: _, use: __, ...publicKey } = jwk;
  return new CompactEncrypt(Buffer.from(token)).setProtectedHeader(header).encrypt({ ...publicKey, kty: "EC" });
}
