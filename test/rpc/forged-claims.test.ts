import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApp, TEST_SETTINGS, type TestApp } from "../support/app.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { type Content, type Forge, type Members, openForge } from "../support/forge.ts";
import { welcome } from "../support/people.ts";

const ISSUER = TEST_SETTINGS.SALLYPORT_ISSUER;
const LIFE = 600;

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

const seconds = () => app.clock.now() / 1000;

/** Claims of a token that would be granted now, but for what is said. */
function claims(others: Members = {}): Members {
  return { ...forge.honest.claims, iat: seconds(), exp: seconds() + LIFE, ...others };
}

/** The verdict on claims that are signed by our own key. */
async function verdictOn(payload: Content): Promise<string> {
  return judge({ accessToken: await forge.sign(forge.honest.header, payload) });
}

const named = (values: readonly unknown[]) => values.map((value) => [JSON.stringify(value) ?? "missing", value]);

describe("A token signed by our own key", () => {
  it("is granted with the claims that we write", async () => {
    expect(await verdictOn(claims())).toBe("GRANTED");
  });

  it.each(
    named([`${ISSUER}/`, "HTTP://SALLYPORT.TEST", "http://sallyport.tes", "", null, 1, [ISSUER], undefined]),
  )("is TOKEN_INVALID with the issuer %s", async (_name, iss) => {
    expect(await verdictOn(claims({ iss }))).toBe("TOKEN_INVALID, LOG_IN");
  });

  it.each(named(["orders", ["orders", "billing"], [], "", [""], "SALLYPORT", "sallyport ", "*", [["sallyport"].join()].with(0, "any")]))(
    "is AUDIENCE_MISMATCH with the audience %s",
    async (_name, aud) => {
      expect(await verdictOn(claims({ aud }))).toBe("AUDIENCE_MISMATCH, NONE");
    },
  );

  it.each(named([1, true, null, {}, { 0: "sallyport" }, ["sallyport", 1], [["sallyport"]], [null], undefined]))(
    "is TOKEN_INVALID with the audience %s",
    async (_name, aud) => {
      expect(await verdictOn(claims({ aud }))).toBe("TOKEN_INVALID, LOG_IN");
    },
  );

  it("is granted with one audience as a text, or among others (RFC 7519 section 4.1.3)", async () => {
    expect(await verdictOn(claims({ aud: "sallyport" }))).toBe("GRANTED");
    expect(await verdictOn(claims({ aud: ["orders", "sallyport"] }))).toBe("GRANTED");
  });

  it.each(["sub", "sid", "jti", "client_id", "preferred_username"])("is TOKEN_INVALID without a good %s", async (name) => {
    for (const value of [undefined, null, "", 1, [], {}, true]) {
      expect(await verdictOn(claims({ [name]: value })), String(value)).toBe("TOKEN_INVALID, LOG_IN");
    }
  });

  it.each(["roles", "amr"])("is TOKEN_INVALID without a good list of %s", async (name) => {
    for (const value of [undefined, null, "admin", 1, {}, [1], ["admin", null], [["admin"]]]) {
      expect(await verdictOn(claims({ [name]: value })), String(value)).toBe("TOKEN_INVALID, LOG_IN");
    }
  });

  it.each(["auth_time", "epoch", "iat", "exp"])("is TOKEN_INVALID without a good number as %s", async (name) => {
    const bad = [undefined, null, "1", `${seconds() + 60}`, -1, -60, 1.5, seconds() + 0.5, 1e300, 2 ** 53, true, [1], {}];
    for (const value of bad) {
      expect(await verdictOn(claims({ [name]: value })), String(value)).toBe("TOKEN_INVALID, LOG_IN");
    }
  });

  it.each(["NaN", "Infinity", "1e10", "1E3", "1.0", "-0", "01", "0x7fffffff", "9999999999999999999999"])(
    "is TOKEN_INVALID with exp written as %s",
    async (exp) => {
      const text = JSON.stringify(claims({ exp: "HERE" })).replace('"HERE"', exp);
      expect(await verdictOn(text)).toBe("TOKEN_INVALID, LOG_IN");
    },
  );

  it.each([0, seconds0(-1), seconds0(1)])("is TOKEN_INVALID with nbf, even one that has passed (%#)", async (offset) => {
    expect(await verdictOn(claims({ nbf: offset === 0 ? 0 : seconds() + offset }))).toBe("TOKEN_INVALID, LOG_IN");
  });
});
