/** Instances on one PostgreSQL: what they must agree on, whose clock counts, and what is heard without hints. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { acknowledged, expectObeyed } from "../support/obeyed.ts";
import { welcome } from "../support/people.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { refusalOf } from "../support/refusals.ts";
import { verdictAt } from "../support/two-apps.ts";

let place: TestPlace;
let running: TestApp[];

beforeEach(async () => {
  place = await makePlace();
  running = [];
});
afterEach(async () => {
  for (const app of running) await app.close();
  await place.remove();
});

const newKey = () => randomBytes(32).toString("base64url");
const masterKey = newKey();
const realTime: FakeClock = { now: () => Date.now(), advance: () => {} };

async function start(settings: Readonly<Record<string, string>> = {}, clock = realTime): Promise<TestApp> {
  const own = {
    SALLYPORT_DATABASE_URL: place.url,
    SALLYPORT_DATABASE_CONNECTIONS: "4",
    SALLYPORT_MASTER_KEY: masterKey,
  };
  const app = await startApp({ clock, settings: { ...own, ...settings } });
  running.push(app);
  return app;
}

const readiness = async ({ url }: TestApp) => (await fetch(`${url}/readyz`)).status;

describe("An instance on a database of others does not start", () => {
  it("with another issuer, and says which it is to be", async () => {
    await start({ SALLYPORT_ISSUER: "https://one.example" });
    await expect(start({ SALLYPORT_ISSUER: "https://two.example" })).rejects.toMatchObject({
      name: "IssuerError",
      message:
        "the database is that of https://one.example, and SALLYPORT_ISSUER is https://two.example; set it to the same",
    });
  });

  it("with another issuer, even if all start at once on an empty database", async () => {
    const issuers = ["one", "two", "one", "two"].map((name) => `https://${name}.example`);
    const outcomes = await Promise.allSettled(issuers.map((issuer) => start({ SALLYPORT_ISSUER: issuer })));
    const [{ value: winner } = {}] = await place.ask("select value from meta where name = 'issuer'");
    expect(outcomes.map(({ status }) => status)).toEqual(
      issuers.map((issuer) => (issuer === winner ? "fulfilled" : "rejected")),
    );
  });

  it("with another master key, and says which it is to be", async () => {
    await start();
    await expect(start({ SALLYPORT_MASTER_KEY: newKey() })).rejects.toMatchObject({ name: "MasterKeyError" });
    await expect(start({ SALLYPORT_MASTER_KEY: `${newKey()},${masterKey}` })).resolves.toBeDefined();
  });
});

describe("Instances that start at once on an empty database", () => {
  it("make one set of keys and one log, and honour each other's tokens", async () => {
    const apps = await Promise.all(Array.from({ length: 4 }, () => start()));
    const [first] = apps;
    if (first === undefined) throw new Error("none");
    expect(await place.ask("select use, state from signing_keys order by use, state")).toEqual([
      { use: "access", state: "active" },
      { use: "access", state: "next" },
      { use: "refresh", state: "active" },
    ]);
    const { tokens } = await welcome(first, "ada");
    for (const app of apps) expect(await verdictAt(app, tokens.accessToken)).toBe("GRANTED");
  });

  it("agree on the longest life of an access token, whoever is last", async () => {
    const lives = ["60", "900", "300", "600"];
    await Promise.all(lives.map((life) => start({ SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: life })));
    expect(await place.ask("select value from meta where name = 'max_access_ttl_ms'")).toEqual([{ value: "900000" }]);
  });
});

describe("An instance whose clock is not the database's", () => {
  it.each([
    ["ahead", 6_000],
    ["behind", -6_500],
    ["an hour behind", -3_600_000],
  ])("is not ready if it is %s, and is when it is right", async (_, offsetMs) => {
    let offset = offsetMs;
    const app = await start({}, { ...realTime, now: () => Date.now() + offset });
    expect(await readiness(app)).toBe(503);
    expect(app.logged().filter(({ event }) => event === "clock_off")).toHaveLength(1);
    offset = 0;
    await eventually(() => readiness(app)).toBe(200);
  });

  it("turns not ready if that happens while it runs, and signs nobody out", async () => {
    let offset = 0;
    // By the wrong clock the session is over.
    const settings = { SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "1800" };
    const app = await start(settings, { ...realTime, now: () => Date.now() + offset });
    const { tokens, auth } = await welcome(app, "ada");
    offset = 3_600_000;
    await eventually(() => readiness(app)).toBe(503);
    expect(await verdictAt(app, tokens.accessToken)).toBe("TOKEN_EXPIRED, REFRESH");
    expect((await auth.refresh({ refreshToken: tokens.refreshToken })).sessionId).toBe(tokens.sessionId);
  });

  it("is ready if it is off by no more than the tolerance", async () => {
    const app = await start({}, { ...realTime, now: () => Date.now() + 4_000 });
    expect(await readiness(app)).toBe(200);
  });

  it("still times what it stores by the database", async () => {
    const app = await start({}, createFakeClock(Date.now() - 86_400_000));
    const { user } = await clientsOf(app.url).auth.signup({ username: "ada", password: "kites keep in the harbour" });
    expect(Math.abs(Number(user?.createTime?.seconds) - Date.now() / 1000)).toBeLessThan(60);
  });
});

describe("What is written without a hint", () => {
  it("is obeyed within half a second all the same", async () => {
    const app = await start();
    const { tokens } = await welcome(app, "ada");
    const ended = place.ask(`with counter as (update revocation_log set revision = revision + 1 returning revision)
      insert into revocations select revision, 'session_ended', '${tokens.sessionId}', null, 0, 9e15 from counter`);
    const { at } = await acknowledged(ended);
    await expectObeyed(at, async () => (await verdictAt(app, tokens.accessToken)) === "SESSION_REVOKED, LOG_IN");
  });
});

describe("An instance that is cut off from its database", () => {
  let proxy: DatabaseProxy;
  beforeEach(async () => {
    proxy = await startDatabaseProxy(place.url);
    onTestFinished(() => proxy.close());
  });

  it("goes on to authorize, tells how old its knowledge is, and refuses what must be fresher", async () => {
    const app = await start({ SALLYPORT_DATABASE_URL: proxy.url });
    const { tokens, auth } = await welcome(app, "ada");
    const { accessToken } = tokens;
    const before = (await auth.authorize({ accessToken })).asOf;
    proxy.stall();
    const fresh = () => refusalOf(auth.authorize({ accessToken, maxStaleness: { seconds: 1n } }));
    await expect.poll(fresh, { timeout: 10_000 }).toMatchObject({ reason: "TOO_STALE" });
    const answer = await auth.authorize({ accessToken });
    expect(verdictOf(answer)).toBe("GRANTED");
    expect(Number(answer.asOf?.seconds) - Number(before?.seconds)).toBeLessThan(2);
    const refresh = auth.refresh({ refreshToken: tokens.refreshToken }, { timeoutMs: 300 });
    // Over a connection that fell silent, or for want of a new one.
    expect((await refusalOf(refresh)).code).toMatch(/^(DeadlineExceeded|Unavailable)$/);
    proxy.resume();
    const asOf = async () => Number((await auth.authorize({ accessToken })).asOf?.seconds);
    await eventually(async () => Date.now() / 1000 - (await asOf())).toBeLessThan(2);
  });
});
