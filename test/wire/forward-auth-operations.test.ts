/** `/forward-auth` as operators see it: who may ask, old knowledge, what is counted and logged. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { eventually } from "../support/eventually.ts";
import { askForward, forwardedVerdict } from "../support/forward-auth.ts";
import { scrape } from "../support/metrics.ts";
import { acknowledged, expectObeyed } from "../support/obeyed.ts";
import { type Person, welcome } from "../support/people.ts";

const QUERY = "audience=&any_role=user";
const SERVICES = { SALLYPORT_AUTHORIZE_CALLERS: "services" };

let app: TestApp;
let ada: Person;
let bearer: string;

async function start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  app = await startApp({ settings });
  ada = await welcome(app, "ada");
  bearer = `Bearer ${ada.tokens.accessToken}`;
}
afterEach(() => app.close());

const said = (event: string) => app.logged().filter((line) => line.event === event);
const withKey = (apiKey: string | string[]) => ({ headers: { "x-sallyport-api-key": apiKey } });

describe("Where the operator leaves Authorize to services", () => {
  let apiKey: string;
  beforeEach(async () => {
    await start(SERVICES);
    ({ apiKey } = await app.beside((core) => core.services.create("gate", [], null)));
    await eventually(async () => (await askForward(app, QUERY, bearer, withKey(apiKey))).status).toBe(200);
  });

  it("a proxy is answered that sends a service's API key in a header of its own configuration", async () => {
    const asked = await Promise.all(
      [bearer, null, "Bearer a.b.c"].map((token) => askForward(app, QUERY, token, withKey(apiKey))),
    );
    expect(asked.map(({ status }) => status)).toEqual([200, 401, 401]);
    expect((await askForward(app, "audience=&any_role=admin", bearer, withKey(apiKey))).status).toBe(403);
  });

  it("nobody else learns anything, not even whether the question could be answered", async () => {
    const madeUp = `sallyport_svk_${"A".repeat(43)}`;
    for (const headers of [
      {},
      ...["", madeUp, ada.tokens.accessToken, `${apiKey}x`].map((key) => withKey(key).headers),
    ])
      for (const [query, token] of [
        [QUERY, bearer],
        [QUERY, "Bearer a.b.c"],
        ["", null],
      ] as const) {
        const { status, headers: answered, told } = await askForward(app, query, token, { headers });
        expect([status, told?.reason]).toEqual([400, "ERROR_REASON_SERVICE_REQUIRED"]);
        expect(answered["www-authenticate"]).toBeUndefined();
        expect(JSON.stringify(told)).not.toContain("svk_");
      }
  });

  it("a key in authorization is the client's, which is nobody's leave; nor are two keys", async () => {
    expect((await askForward(app, QUERY, `Bearer ${apiKey}`)).status).toBe(400);
    expect((await askForward(app, QUERY, `Bearer ${apiKey}`, withKey(apiKey))).status).toBe(401);
    expect((await askForward(app, QUERY, bearer, withKey([apiKey, apiKey]))).status).toBe(400);
    expect((await askForward(app, `${QUERY}&api_key=${apiKey}`, bearer)).status).toBe(400);
  });

  it("a key that is revoked opens nothing any more", async () => {
    const { at } = await acknowledged(app.beside((core) => core.services.revoke("gate", null)));
    await expectObeyed(at, async () => (await askForward(app, QUERY, bearer, withKey(apiKey))).status === 400);
  });

  it("the operator is warned of proxies that ask wrongly, once in a while, without what they sent", async () => {
    for (let asked = 0; asked < 5; asked += 1) await askForward(app, QUERY, bearer);
    await askForward(app, `${QUERY}&x=${ada.tokens.accessToken}`, bearer, withKey(apiKey));
    expect(said("forward_auth_misconfigured")).toMatchObject([{ level: "warn", reason: "SERVICE_REQUIRED" }]);
    app.clock.advance(60_000);
    await askForward(app, QUERY, bearer);
    expect(said("forward_auth_misconfigured")).toHaveLength(2);
    expect(app.logText()).not.toContain(ada.tokens.accessToken);
    expect(app.logText()).not.toContain(apiKey);
  });
});

describe("While the log cannot be read", () => {
  beforeEach(async () => {
    await start();
    const operator = new Database(join(app.dataDir, "sallyport.db"));
    operator.exec("alter table revocation_log rename to hidden");
    operator.close();
    await eventually(() => said("log_unreadable")).toHaveLength(1);
  });

  it("verdicts hold until the bound", async () => {
    app.clock.advance(9_999);
    expect((await askForward(app, QUERY, bearer)).status).toBe(200);
    expect((await askForward(app, QUERY, null)).status).toBe(401);
  });

  it("from there on nobody is let through, and nobody is told to log in: 503, whatever the token", async () => {
    app.clock.advance(10_000);
    for (const token of [bearer, null, "Bearer a.b.c", "Basic x"]) {
      const { status, headers, told } = await askForward(app, QUERY, token);
      expect([status, headers["retry-after"], headers["www-authenticate"]]).toEqual([503, "1", undefined]);
      expect(told).toMatchObject({ code: "unavailable", reason: "ERROR_REASON_TOO_STALE" });
    }
    expect((await askForward(app, "any_role=user", bearer)).status).toBe(400);
  });
});

describe("Operators", () => {
  beforeEach(() => start({ SALLYPORT_METRICS: "on" }));

  it("count the verdicts among those of Authorize, and not what was no question", async () => {
    await askForward(app, QUERY, bearer);
    await askForward(app, QUERY, "Bearer a.b.c");
    await askForward(app, QUERY, "Basic x");
    await askForward(app, "audience=&any_role=admin", bearer);
    await askForward(app, "any_role=admin", bearer);
    const figures = await scrape(`${app.url}/metrics`);
    const decided = (decision: string, reason: string) =>
      figures.value(`sallyport_decisions_total{decision="${decision}",reason="${reason}"}`);
    expect(decided("granted", "")).toBe(1);
    expect(decided("denied", "TOKEN_INVALID")).toBe(1);
    expect(decided("denied", "ROLE_MISSING")).toBe(1);
    expect(figures.text.replace(/^#.*/gm, "")).not.toContain("forward");
  });

  it("find a line for each question at the level debug, with the verdict and no more", async () => {
    await askForward(app, QUERY, bearer, { headers: { cookie: "cookie=secret" } });
    await askForward(app, QUERY, "Bearer secret.secret.secret");
    const lines = said("http").filter(({ path }) => path === "/forward-auth");
    const line = { level: "debug", time: expect.any(String), event: "http", id: expect.stringMatching(/^req_/) };
    const rest = { path: "/forward-auth", duration_ms: 0, peer: expect.any(String) };
    expect(lines).toEqual([
      { ...line, ...rest, status: 200, subject: ada.userId },
      { ...line, ...rest, status: 401, reason: "TOKEN_INVALID" },
    ]);
    expect(app.logText()).not.toMatch(/secret|any_role/);
  });

  it("are told of it at GET /", async () => {
    const response = await fetch(app.url);
    expect(await response.json()).toMatchObject({ forwardAuth: "/forward-auth" });
  });

  it("see the question answered over and over on one connection, as proxies keep them", async () => {
    const verdicts = new Set<string>();
    for (let asked = 0; asked < 50; asked += 1) {
      const response = await fetch(`${app.url}/forward-auth?${QUERY}`, { headers: { authorization: bearer } });
      await response.arrayBuffer();
      verdicts.add(forwardedVerdict({ status: response.status, headers: {}, told: null }));
    }
    expect([...verdicts]).toEqual(["GRANTED"]);
  });
});
