import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApp, TEST_SETTINGS, type TestApp } from "../support/app.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { type Content, type Forge, type Members, openForge } from "../support/forge.ts";
import { welcome } from "../support/people.ts";

const ISSUER = TEST_SETTINGS.SALLYPORT_ISSUER;

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

/** The verdict on a payload that is signed by the server's own key. */
async function verdictOn(payload: Content): Promise<string> {
  return judge({ accessToken: await forge.sign(forge.honest.header, payload) });
}

/** The verdict on the honest claims, but for those given. */
function verdictWith(claims: Members): Promise<string> {
  return verdictOn({ ...forge.honest.claims, ...claims });
}

/** Values and what to call them in the name of a test. */
const told = (...values: unknown[]) => values.map((value) => [JSON.stringify(value) ?? "missing", value] as const);

describe("A token signed by our own key", () => {
  it("is granted with the claims that we write, in any order", async () => {
    expect(await verdictOn(forge.honest.claims)).toBe("GRANTED");
    expect(await verdictOn(Object.fromEntries(Object.entries(forge.honest.claims).reverse()))).toBe("GRANTED");
  });

  it.each(told(`${ISSUER}/`, "HTTP://SALLYPORT.TEST", "sallyport", "", null, 1, [ISSUER], undefined))(
    "is TOKEN_INVALID with iss %s",
    async (_name, iss) => {
      expect(await verdictWith({ iss })).toBe("TOKEN_INVALID, LOG_IN");
    },
  );

  it.each(told("orders", ["orders", "billing"], [], "", [""], "SALLYPORT", "sallyport ", "sallyport,orders", "*"))(
    "is AUDIENCE_MISMATCH with aud %s",
    async (_name, aud) => {
      expect(await verdictWith({ aud })).toBe("AUDIENCE_MISMATCH, NONE");
    },
  );

  it.each(told(1, true, null, {}, { 0: "sallyport" }, ["sallyport", 1], [["sallyport"]], [null], undefined))(
    "is TOKEN_INVALID with aud %s",
    async (_name, aud) => {
      expect(await verdictWith({ aud })).toBe("TOKEN_INVALID, LOG_IN");
    },
  );

  it("is granted with aud as one text, or among others (RFC 7519 section 4.1.3)", async () => {
    expect(await verdictWith({ aud: "sallyport" })).toBe("GRANTED");
    expect(await verdictWith({ aud: ["orders", "sallyport"] })).toBe("GRANTED");
  });

  it.each(["sub", "sid", "jti", "client_id", "preferred_username"])(
    "is TOKEN_INVALID without a good %s",
    async (name) => {
      for (const [value, bad] of told(undefined, null, "", 1, [], {}, true, ["text"])) {
        expect(await verdictWith({ [name]: bad }), value).toBe("TOKEN_INVALID, LOG_IN");
      }
    },
  );

  it.each(["roles", "amr"])("is TOKEN_INVALID without a good list of %s", async (name) => {
    for (const [value, bad] of told(undefined, null, "admin", 1, {}, [1], ["admin", null], [["admin"]])) {
      expect(await verdictWith({ [name]: bad }), value).toBe("TOKEN_INVALID, LOG_IN");
    }
  });

  it.each(["auth_time", "epoch"])("is TOKEN_INVALID without a good number as %s", async (name) => {
    for (const [value, bad] of told(undefined, null, "1", -1, 1.5, 1e300, 2 ** 53, true, [1], {})) {
      expect(await verdictWith({ [name]: bad }), value).toBe("TOKEN_INVALID, LOG_IN");
    }
  });
});

describe("A payload signed by our own key is TOKEN_INVALID", () => {
  const text = () => JSON.stringify(forge.honest.claims);
  const twice = (member: string) => text().replace(/^\{/, `{${member},`);

  it.each([
    ["with exp twice, the later one living on", () => twice(`"exp":1`)],
    ["with exp twice, the earlier one living on", () => text().replace(/\}$/, `,"exp":1}`)],
    ["with sub twice", () => twice(`"sub":"usr_root"`)],
    ["with sub twice, one in escapes", () => twice(`"\\u0073ub":"usr_root"`)],
    ["with the same member twice", () => twice(`"iss":"${ISSUER}"`)],
    ["with an escape that need not be", () => text().replace(`"sub"`, `"\\u0073ub"`)],
    ["with white space", () => JSON.stringify(forge.honest.claims, null, 1)],
    ["with white space at the end", () => `${text()}\n`],
    ["with a byte order mark", () => `\ufeff${text()}`],
    ["with something after it", () => `${text()}{}`],
    ["cut short", () => text().slice(0, -1)],
    ["in UTF-16", () => Buffer.from(text(), "utf16le")],
    ["with bytes that are no UTF-8", () => Buffer.from(text().replace("usr_", "usr_\xff"), "latin1")],
    ["with overlong UTF-8", () => Buffer.from(text().replace("usr_", "usr_\xc0\x80"), "latin1")],
    ["that is an array", () => `[${text()}]`],
    ["that is null", () => "null"],
    ["that is a number", () => "1"],
    ["that is a text", () => JSON.stringify(text())],
    ["of an empty object", () => "{}"],
    ["whose claims are inherited", () => `{"__proto__":${text()}}`],
    ["of 6,000 arrays in each other", () => "[".repeat(2900) + "]".repeat(2900)],
  ])("%s", async (_name, payload) => {
    expect(await verdictOn(payload())).toBe("TOKEN_INVALID, LOG_IN");
  });
});
