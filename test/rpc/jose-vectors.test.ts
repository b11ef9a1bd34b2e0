import { createHmac } from "node:crypto";
import { compactVerify, flattenedVerify, importJWK, type JWK } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { COMPACT, FLATTENED, GENERAL, UNSIGNED } from "../support/jose-vectors.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let judge: Judge;

beforeAll(async () => {
  app = await startApp();
  judge = createJudge(app);
});
afterAll(() => app.close());
afterEach(() => expectNoFault(app));

describe.each([...COMPACT, ...FLATTENED, ...GENERAL, ...UNSIGNED])("The example $name", ({ token }) => {
  it("is TOKEN_INVALID as an access token", async () => {
    expect(await judge({ accessToken: token })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("is no refresh token, nor does it log anybody out", async () => {
    const { auth } = clientsOf(app.url);
    const refused = { code: "Unauthenticated", reason: "REFRESH_TOKEN_INVALID" };
    expect(await refusalOf(auth.refresh({ refreshToken: token }))).toMatchObject(refused);
    expect(await refusalOf(auth.logout({ refreshToken: token }))).toMatchObject(refused);
  });

  it("opens no guarded RPC", async () => {
    const refusal = await refusalOf(clientsOf(app.url, token).account.getAccount({}));
    // What is not even of the form of a bearer token is told from what is, but is not ours.
    const code = /^[\w.-]+$/.test(token) ? "Unauthenticated" : "InvalidArgument";
    expect(refusal.code).toBe(code);
  });
});

describe("The examples are as the RFCs have them:", () => {
  it.each(COMPACT)("$name is valid under its key", async ({ token, keys }) => {
    const [key] = await verifiersOf(token.split(".")[0], keys);
    await expect(compactVerify(token, key ?? Buffer.of())).resolves.toHaveProperty("payload");
  });

  it.each(FLATTENED)("$name is valid under its key", async ({ token, keys }) => {
    const jws = JSON.parse(token);
    const [key] = await verifiersOf(jws.protected, keys, jws.header.alg);
    await expect(flattenedVerify(jws, key ?? Buffer.of())).resolves.toHaveProperty("payload");
  });

  it.each(GENERAL)("$name is valid under each of its keys", async ({ token, keys }) => {
    const { payload, signatures } = JSON.parse(token);
    expect(signatures).toHaveLength(keys.length);
    for (const [index, signed] of signatures.entries()) {
      const [key] = await verifiersOf(signed.protected, keys.slice(index), signed.header?.alg);
      await expect(flattenedVerify({ payload, ...signed }, key ?? Buffer.of())).resolves.toHaveProperty("payload");
    }
  });

  it("the detached one is valid with its content put back", () => {
    const attached = COMPACT.find(({ name }) => name.startsWith("RFC 7520 4.4"));
    const detached = UNSIGNED.find(({ name }) => name.startsWith("RFC 7520 4.5"));
    const [header, payload, signature] = attached?.token.split(".") ?? [];
    expect(detached?.token).toBe(`${header}..${signature}`);
    const secret = Buffer.from(detached?.keys[0]?.k ?? "", "base64url");
    expect(createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url")).toBe(signature);
  });
});

/** The keys, for the algorithm that a protected header names, or else an unprotected one. */
async function verifiersOf(header: string | undefined, keys: readonly JWK[], unprotectedAlg?: string) {
  const stated = header === undefined ? {} : JSON.parse(Buffer.from(header, "base64url").toString());
  const alg = stated.alg ?? unprotectedAlg;
  return Promise.all(keys.slice(0, 1).map((key) => importJWK(key, alg)));
}
