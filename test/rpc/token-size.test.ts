import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { type Forge, openForge } from "../support/forge.ts";
import { welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

/** Longer tokens get no decision, in bytes. */
const MOST = 8192;

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

/** A token of exactly so many bytes, signed by the server's own key. */
async function tokenOf(length: number): Promise<string> {
  const { token } = forge.honest;
  const missing = Math.floor(((length - token.length) * 3) / 4);
  for (let padding = missing - 16; padding < missing; padding += 1) {
    const padded = await forge.token({ padding: "x".repeat(padding) });
    if (padded.length === length) return padded;
  }
  throw new Error(`no token of ${length} bytes`);
}

describe("A token of 8 KiB", () => {
  it("is granted if it is good", async () => {
    const accessToken = await tokenOf(MOST);
    expect(accessToken.length).toBe(MOST);
    expect(await judge({ accessToken })).toBe("GRANTED");
  });

  it.each([
    ["letters", "a".repeat(MOST)],
    ["dots", ".".repeat(MOST)],
    ["three segments of nothing but As", `${"A".repeat(2730)}.${"A".repeat(2730)}.${"A".repeat(2730)}`],
    ["a dot for every other letter", "a.".repeat(MOST / 2)],
    ["white space", " ".repeat(MOST)],
    ["characters of four bytes", "😀".repeat(MOST / 4)],
    ["characters of nothing", "\0".repeat(MOST)],
  ])("is TOKEN_INVALID if it is %s", async (_name, accessToken) => {
    expect(await judge({ accessToken })).toBe("TOKEN_INVALID, LOG_IN");
  });
});

describe.each(WIRE_FORMS)(
  "Over $name, a token of more than 8 KiB is INVALID_ARGUMENT that names access_token",
  ({ transport }) => {
    const refused = { code: "InvalidArgument", reason: "REQUEST_INVALID", fields: ["access_token"] };

    it.each([
      ["even a good one", () => tokenOf(MOST + 2)],
      ["8 KiB and a byte", () => "a".repeat(MOST + 1)],
      ["8 KiB of letters and a dot", () => `${"a".repeat(MOST)}.`],
      ["10,000 dots", () => ".".repeat(10_000)],
      ["few characters, many bytes", () => "😀".repeat(MOST / 4 + 1)],
    ])("%s", async (_name, make) => {
      const { auth } = clientsOf(app.url, "", transport);
      expect(await refusalOf(auth.authorize({ accessToken: await make() }))).toMatchObject(refused);
    });
  },
);

describe("An empty token", () => {
  it("is TOKEN_MISSING, whatever else is asked", async () => {
    expect(await judge({})).toBe("TOKEN_MISSING, LOG_IN");
    expect(await judge({ accessToken: "", audience: "orders", anyRole: ["admin"] })).toBe("TOKEN_MISSING, LOG_IN");
  });

  it.each([".", "..", "...", "a.b.c", "e30.e30.e30", "null", "undefined", "0", "{}", "\0"])(
    "is not the same as one of %j, which is TOKEN_INVALID",
    async (accessToken) => {
      expect(await judge({ accessToken })).toBe("TOKEN_INVALID, LOG_IN");
    },
  );
});

describe("In a batch", () => {
  it("a token that is too long spoils its own item alone", async () => {
    const { results } = await clientsOf(app.url).auth.batchAuthorize({
      items: [
        { correlationId: "good", request: { accessToken: forge.honest.token } },
        { correlationId: "long", request: { accessToken: ".".repeat(10_000) } },
        { correlationId: "none", request: { accessToken: "" } },
      ],
    });
    expect(results.map(({ correlationId, outcome }) => [correlationId, outcome.case])).toEqual([
      ["good", "response"],
      ["long", "error"],
      ["none", "response"],
    ]);
    expect(results[1]?.outcome.value).toMatchObject({ fields: ["access_token"] });
  });
});
