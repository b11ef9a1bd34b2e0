import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/client/session-store.ts";
import { freshnessOf, lifeOf } from "../../src/client/token-life.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientOn } from "../support/client-wire.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { passwordOf, signUp } from "../support/people.ts";

const LIFE_MS = 600_000;
const DAY_MS = 86_400_000;
const ADA = { identifier: "ada", password: passwordOf("ada") };

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

describe.each([
  ["a day ahead", DAY_MS],
  ["a day behind", -DAY_MS],
  ["fifty years behind", -50 * 365 * DAY_MS],
])("A client whose clock is %s", (_name, skew) => {
  it("refreshes when its token is over, and not before", async () => {
    const clock = createFakeClock(app.clock.now() + skew);
    const { client, wire } = clientOn(app, { clock });
    const pass = (milliseconds: number) => {
      clock.advance(milliseconds);
      app.clock.advance(milliseconds);
    };
    await client.login(ADA);
    for (let calls = 0; calls < 5; calls += 1) await client.account.getAccount({});
    expect(wire.sent("Refresh")).toEqual([]);
    pass(LIFE_MS - 60_001);
    await client.account.getAccount({});
    expect(wire.sent("Refresh")).toEqual([]);
    pass(60_001);
    await client.account.getAccount({});
    expect(wire.sent("Refresh")).toHaveLength(1);
    expect(wire.sent("GetAccount")).toHaveLength(7);
  });
});

describe("A client", () => {
  it("whose clock stands still learns from the server that its token is over", async () => {
    const { client, wire } = clientOn(app, { clock: createFakeClock() });
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect(wire.calls.map(({ method }) => method)).toEqual(["Login", "GetAccount", "Refresh", "GetAccount"]);
  });

  it("whose clock is put back trusts its token until the server refuses it", async () => {
    const clock = createFakeClock();
    const { client, wire } = clientOn(app, { clock });
    await client.login(ADA);
    clock.advance(-DAY_MS);
    await client.account.getAccount({});
    expect(wire.sent("Refresh")).toEqual([]);
    app.clock.advance(LIFE_MS);
    await client.account.getAccount({});
    expect(wire.sent("Refresh")).toHaveLength(1);
  });

  it("whose clock is put forward refreshes once for that, not at each call", async () => {
    const clock = createFakeClock();
    const { client, wire } = clientOn(app, { clock });
    await client.login(ADA);
    clock.advance(DAY_MS);
    for (let calls = 0; calls < 5; calls += 1) await client.account.getAccount({});
    expect(wire.sent("Refresh")).toHaveLength(1);
  });

  it("is told when the session ends by the server's clock", async () => {
    const { client } = clientOn(app, { clock: createFakeClock(0) });
    const { expiresAt } = await client.login(ADA);
    expect(expiresAt.getTime()).toBe(app.clock.now() + 14 * DAY_MS);
  });

  it("reads a token that was stored by another program, with the time that is left of it", async () => {
    const store = createMemoryStore();
    const { client } = clientOn(app, { store });
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    const { client: next, wire } = clientOn(app, { store });
    await next.account.getAccount({});
    expect(wire.calls.map(({ method }) => method)).toEqual(["Refresh", "GetAccount"]);
  });
});

describe("The life of a token", () => {
  const token = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;

  it("is what lies between iat and exp", () => {
    expect(lifeOf(token({ iat: 1000, exp: 1600 }))).toBe(600_000);
    expect(lifeOf(token({ iat: 1000, exp: 1600, name: "Zoë ✓" }))).toBe(600_000);
  });

  it.each([
    ["opaque text", "opaque"],
    ["nothing", ""],
    ["two dots", ".."],
    ["what is no base64", "e30.!!!.x"],
    ["what is no JSON", "e30.e30x.x"],
    ["JSON that is no object", token(7)],
    ["null", token(null)],
    ["no times", token({})],
    ["texts for times", token({ iat: "1", exp: "2" })],
    ["an end before the beginning", token({ iat: 2, exp: 1 })],
    ["no life at all", token({ iat: 2, exp: 2 })],
  ])("is not guessed from %s", (_name, text) => {
    expect(lifeOf(text)).toBeNull();
  });

  it.each([
    [600_000, 0, "fresh"],
    [600_000, 539_999, "fresh"],
    [600_000, 540_000, "ending"],
    [600_000, 599_999, "ending"],
    [600_000, 600_000, "over"],
    // A fifth of a short life.
    [10_000, 7_999, "fresh"],
    [10_000, 8_000, "ending"],
    [600_000, -1, "fresh"],
    [null, 1e12, "fresh"],
  ])("of %s ms, after %s ms, is %s", (lifeMs, passed, freshness) => {
    expect(freshnessOf({ token: "t", audience: "", since: 5_000, lifeMs }, 5_000 + passed)).toBe(freshness);
  });
});
