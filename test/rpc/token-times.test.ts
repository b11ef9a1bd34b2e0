import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { createJudge, expectNoFault, type Judge } from "../support/decisions.ts";
import { type Forge, type Members, openForge } from "../support/forge.ts";
import { welcome } from "../support/people.ts";

/** The longest life of an access token that the instance ever issued, in seconds. */
const LIFE = 600;

let app: TestApp;
let forge: Forge;
let judge: Judge;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: String(LIFE) } });
  forge = await openForge(app, (await welcome(app, "mallory")).tokens);
  judge = createJudge(app);
});
afterAll(() => app.close());
afterEach(() => expectNoFault(app));

const now = () => app.clock.now() / 1000;

/** A token of ours with these times, in seconds from now; `null` leaves one out. */
function token(times: Readonly<Record<string, number | null>>): Promise<string> {
  const claims = Object.entries({ iat: 0, exp: LIFE, ...times }).map(([name, offset]) => [
    name,
    offset === null ? undefined : now() + offset,
  ]);
  return forge.token(Object.fromEntries(claims));
}

async function verdictOn(times: Readonly<Record<string, number | null>>): Promise<string> {
  return judge({ accessToken: await token(times) });
}

describe("A token signed by our own key", () => {
  it("is granted in the last second before exp", async () => {
    expect(await verdictOn({ iat: 1 - LIFE, exp: 1 })).toBe("GRANTED");
  });

  it.each([
    ["at exp: there is no leeway", { iat: -LIFE, exp: 0 }],
    ["a second after exp", { iat: -LIFE, exp: -1 }],
    ["a day after exp", { iat: -86_400 - LIFE, exp: -86_400 }],
    ["though its life was a second", { iat: -1, exp: 0 }],
  ])("is TOKEN_EXPIRED %s", async (_name, times) => {
    expect(await verdictOn(times)).toBe("TOKEN_EXPIRED, REFRESH");
  });

  it("is told to be expired before anything else that is wrong with it", async () => {
    const accessToken = await forge.token({ iat: now() - LIFE, exp: now(), aud: ["orders"] });
    expect(await judge({ accessToken, anyRole: ["admin"] })).toBe("TOKEN_EXPIRED, REFRESH");
  });

  it("is granted with a life as long as ours, and no longer", async () => {
    expect(await verdictOn({ iat: -10, exp: LIFE - 10 })).toBe("GRANTED");
    expect(await verdictOn({ iat: -10, exp: LIFE - 9 })).toBe("TOKEN_INVALID, LOG_IN");
    expect(await verdictOn({ iat: -10, exp: 100 * 365 * 86_400 })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("is TOKEN_INVALID rather than expired if its life was longer than ours", async () => {
    expect(await verdictOn({ iat: -LIFE - 1, exp: 0 })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("is granted with iat a little in the future, for clocks that disagree, and no further", async () => {
    expect(await verdictOn({ iat: 5, exp: 100 })).toBe("GRANTED");
    expect(await verdictOn({ iat: 6, exp: 100 })).toBe("TOKEN_INVALID, LOG_IN");
    expect(await verdictOn({ iat: LIFE, exp: 2 * LIFE })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it.each([
    ["exp before iat", { iat: 3, exp: 2 }],
    ["exp at iat", { iat: 3, exp: 3 }],
    ["no exp", { exp: null }],
    ["no iat", { iat: null }],
    ["neither", { iat: null, exp: null }],
    ["nbf in the past", { nbf: -60 }],
    ["nbf now", { nbf: 0 }],
    ["nbf in the future", { nbf: 60 }],
  ])("is TOKEN_INVALID with %s", async (_name, times) => {
    expect(await verdictOn(times)).toBe("TOKEN_INVALID, LOG_IN");
  });

  it.each(["iat", "exp"])("is TOKEN_INVALID with %s of another type or out of range", async (name) => {
    const good = now() + (name === "exp" ? LIFE : 0);
    const bad = [null, `${good}`, -1, -good, good + 0.5, good * 1000, 1e300, 2 ** 53, 2 ** 31 * 1000, true, [good], {}];
    for (const value of bad) {
      const accessToken = await forge.token({ iat: now(), exp: now() + LIFE, [name]: value });
      expect(await judge({ accessToken }), JSON.stringify(value)).toBe("TOKEN_INVALID, LOG_IN");
    }
  });

  it.each(["NaN", "Infinity", "-Infinity", "-0", "01", "0x7fffffff", "1e300", ".5", "9".repeat(400)])(
    "is TOKEN_INVALID with exp written as %s",
    async (exp) => {
      const claims: Members = { ...forge.honest.claims, iat: now(), exp: "HERE" };
      const payload = JSON.stringify(claims).replace('"HERE"', exp);
      expect(await judge({ accessToken: await forge.sign(forge.honest.header, payload) })).toBe(
        "TOKEN_INVALID, LOG_IN",
      );
    },
  );

  it.each([
    ["in an exponent", (exp: number) => `${exp / 100}e2`],
    ["with a fraction of nothing", (exp: number) => `${exp}.0`],
  ])("is TOKEN_INVALID with a good exp written %s", async (_name, written) => {
    const claims: Members = { ...forge.honest.claims, iat: now(), exp: "HERE" };
    const payload = JSON.stringify(claims).replace('"HERE"', written(now() + LIFE));
    expect(JSON.parse(payload).exp).toBe(now() + LIFE);
    expect(await judge({ accessToken: await forge.sign(forge.honest.header, payload) })).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("dies at exp, however often it was granted before", async () => {
    const accessToken = await token({ exp: 30 });
    for (const wait of [0, 10_000, 19_999]) {
      app.clock.advance(wait);
      expect(await judge({ accessToken })).toBe("GRANTED");
    }
    app.clock.advance(1);
    expect(await judge({ accessToken })).toBe("TOKEN_EXPIRED, REFRESH");
    app.clock.advance(86_400_000);
    expect(await judge({ accessToken })).toBe("TOKEN_EXPIRED, REFRESH");
  });
});
