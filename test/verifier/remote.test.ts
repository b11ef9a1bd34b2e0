/** Verifiers that ask Sallyport, because a rule says so or because they know too little. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { delegate } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { openRoad, type RoughRoad } from "../support/rough-road.ts";
import { serviceKey } from "../support/watching.ts";

let app: TestApp;
let road: RoughRoad;
let apiKey: string;
let person: Person;

beforeAll(async () => {
  app = await startApp();
  road = await openRoad(app.port);
  apiKey = await serviceKey(await welcomeAdmin(app), "orders");
  await signUp(app, "ada");
  person = await logIn(app, "ada", ["orders"]);
});
afterAll(async () => {
  await road.close();
  await app.close();
});
afterEach(() => road.set("open"));

const PACE = { firstRetryMs: 10, mostRetryMs: 20, startMs: 150, silenceMs: 150, pingMs: 80 };
const REMOTE = { freshness: "REMOTE" } as const;
const unavailable = (reason: string) => expect.objectContaining({ name: "VerifierUnavailable", reason });
const start = (options = {}, pace = PACE) => delegate({ url: road.url, clock: app.clock }, apiKey, options, { pace });

describe("A verifier that asks", () => {
  it("gives up a connection that does not answer any more, and asks over another", async () => {
    const verifier = start();
    await verifier.authorize(person.tokens.accessToken, REMOTE);
    road.set("silent");
    const asked = verifier.authorize(person.tokens.accessToken, REMOTE, { timeoutMs: 50 });
    await expect(asked).rejects.toThrow(unavailable("UNAVAILABLE"));
    road.set("open");
    // The connection is still there, but nothing comes through: the verifier has to find that out by itself.
    await expect
      .poll(() => verifier.authorize(person.tokens.accessToken, REMOTE, { timeoutMs: 200 }).catch(() => null), {
        timeout: 15_000,
      })
      .toMatchObject({ granted: true });
  });

  it("keeps a connection on which only one answer was late", async () => {
    // An answer takes several times as long there as it is waited for.
    const crawling = await openRoad(app.port, 50);
    onTestFinished(crawling.close);
    const pingMs = 1_000;
    const pace = { ...PACE, pingMs };
    const verifier = delegate({ url: crawling.url, clock: app.clock }, apiKey, {}, { pace });
    await verifier.ready();
    await verifier.authorize(person.tokens.accessToken, REMOTE);
    const { revision } = verifier.state();
    const minRevision = { logId: revision?.logId ?? "", number: 0 };
    const before = crawling.connections();
    crawling.set("slow");
    const asked = verifier.authorize(person.tokens.accessToken, REMOTE, { timeoutMs: 20, minRevision });
    await expect(asked).rejects.toThrow(unavailable("UNAVAILABLE"));
    crawling.set("open");
    await pause(1.5 * pingMs);
    await verifier.authorize(person.tokens.accessToken, REMOTE);
    expect(crawling.connections()).toBe(before);
  });

  it.each([
    [REMOTE, {}],
    [{}, { onStale: "remote" as const }],
  ])("with %j and %j gets no decision while Sallyport is down, and says so", async (rule, options) => {
    road.set("closed");
    const verifier = start(options);
    await expect(verifier.authorize(person.tokens.accessToken, rule)).rejects.toThrow(unavailable("UNAVAILABLE"));
  });

  it("on stale knowledge, if it was told to, decides as Sallyport does", async () => {
    const verifier = delegate({ url: app.url, clock: app.clock }, apiKey, { onStale: "remote" });
    expect(() => verifier.check(person.tokens.accessToken)).toThrow(unavailable("TOO_STALE"));
    expect(await verifier.authorize(person.tokens.accessToken)).toMatchObject({ granted: true });
    expect(await verifier.authorize(person.tokens.refreshToken)).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(await verifier.authorize(person.tokens.accessToken, { anyRole: ["boss"] })).toMatchObject({
      reason: "ROLE_MISSING",
      missingRoles: ["boss"],
    });
  });

  it("answers for a token that is too long by itself, as a bad one", async () => {
    const verifier = start();
    const before = road.sent();
    road.set("closed");
    expect(await verifier.authorize("x".repeat(8_193), REMOTE)).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(road.sent() - before).toBeLessThan(8_193);
  });

  it("is told when its revision is not known, or too far ahead", async () => {
    const verifier = start();
    await verifier.ready();
    const { revision } = verifier.state();
    for (const minRevision of [
      { logId: "another", number: 1 },
      { logId: revision?.logId ?? "", number: 1_000_000 },
    ])
      await expect(verifier.authorize(person.tokens.accessToken, REMOTE, { minRevision })).rejects.toThrow(
        unavailable("REVISION_UNKNOWN"),
      );
  });
});

describe("A verifier that was told to allow", () => {
  it("decides by what it knew last, and warns each time that this begins", async () => {
    const own = await startApp();
    const key = await serviceKey(await welcomeAdmin(own), "orders");
    await signUp(own, "ada");
    const { tokens } = await logIn(own, "ada", ["orders"]);
    const way = await openRoad(own.port);
    const verifier = delegate({ url: way.url, clock: own.clock }, key, { onStale: "allow" }, { pace: PACE });
    expect(() => verifier.check(tokens.accessToken)).toThrow(unavailable("TOO_STALE"));
    await verifier.ready();
    way.set("closed");
    own.clock.advance(60_000);
    await eventually(verifier.kinds).toContain("stale");
    expect(verifier.state().isFresh).toBe(false);
    expect(verifier.check(tokens.accessToken)).toMatchObject({ granted: true, cacheForMs: 0 });
    way.set("open");
    await eventually(() => verifier.state().isFresh).toBe(true);
    own.clock.advance(60_000);
    await eventually(() => verifier.kinds().filter((kind) => kind === "stale")).toHaveLength(2);
    await verifier.close();
    await way.close();
    await own.close();
  });
});

describe("A rule", () => {
  const refused: [object, string][] = [
    [{ allPermission: ["orders:read"] }, "allPermission"],
    [{ roles: ["admin"] }, "roles"],
    [{ anyRole: "admin" }, "anyRole"],
    [{ anyRole: undefined }, "anyRole"],
    [{ allPermissions: [1] }, "allPermissions"],
    [{ maxAuthAgeMs: Number.NaN }, "maxAuthAgeMs"],
    [{ maxAuthAgeMs: 0 }, "maxAuthAgeMs"],
    [{ maxAuthAgeMs: "60" }, "maxAuthAgeMs"],
    [{ freshness: "remote" }, "freshness"],
  ];
  it.each(refused)("of %j lets nobody pass, and is called wrong", async (rule, name) => {
    const verifier = start();
    await verifier.ready();
    expect(() => verifier.check(person.tokens.accessToken, rule)).toThrow(TypeError);
    expect(() => verifier.check(person.tokens.accessToken, rule)).toThrow(name);
    await expect(verifier.authorize(person.tokens.accessToken, rule)).rejects.toThrow(TypeError);
    expect(() => verifier.follow(person.tokens.accessToken, rule, () => {})).toThrow(TypeError);
  });

  it("is never public to a verifier", async () => {
    const verifier = start();
    await verifier.ready();
    const open: object = { public: true };
    expect(verifier.check("", open)).toMatchObject({ granted: false, reason: "TOKEN_MISSING" });
  });
});
