/** What a verifier does not do: ask about what it does not know, repeat itself, or let secrets out. */
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { createVerifier } from "../../src/verifier/verifier.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { delegate } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { openRoad, type RoughRoad } from "../support/rough-road.ts";
import { serviceKey } from "../support/watching.ts";

let app: TestApp;
let road: RoughRoad;
let admin: Person;
let apiKey: string;

beforeAll(async () => {
  app = await startApp();
  road = await openRoad(app.port);
  admin = await welcomeAdmin(app);
  apiKey = await serviceKey(admin, "orders");
  await signUp(app, "ada");
});
afterAll(async () => {
  await road.close();
  await app.close();
});
afterEach(() => road.set("open"));

const QUICK = { firstRetryMs: 5, mostRetryMs: 5, firstRefusedMs: 5, mostRefusedMs: 5, startMs: 200, silenceMs: 200 };

describe("Tokens under keys that nobody knows", () => {
  it("are refused without a word to Sallyport, however many come", async () => {
    const verifier = delegate({ url: road.url, clock: app.clock }, apiKey, { onStale: "remote" });
    await verifier.ready();
    const { tokens } = await logIn(app, "ada", ["orders"]);
    const [, claims, signature] = tokens.accessToken.split(".");
    const before = [road.connections(), app.logged().length];
    const sent = road.sent();
    for (let count = 0; count < 10_000; count += 1) {
      const header = { alg: "ES256", typ: "at+jwt", kid: randomBytes(16).toString("base64url") };
      const token = `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${claims}.${signature}`;
      const decision = count % 2 === 0 ? verifier.check(token) : await verifier.authorize(token);
      expect(decision).toMatchObject({ granted: false, reason: "TOKEN_INVALID" });
    }
    expect([road.connections(), app.logged().length]).toEqual(before);
    // No request is that short: what is sent acknowledges what the feed told meanwhile.
    expect(road.sent() - sent).toBeLessThan(200);
    expect(verifier.check(tokens.accessToken)).toMatchObject({ granted: true });
  });
});

describe("An API key that is no good", () => {
  it("is told once, whatever else goes wrong, and once more after it had been good", async () => {
    const key = await serviceKey(admin, "fleeting");
    const verifier = delegate({ url: road.url, clock: app.clock }, key, {}, { pace: QUICK });
    const refusals = () => verifier.kinds().filter((kind) => kind === "refused").length;
    await verifier.ready();
    await admin.admin.revokeService({ name: "fleeting" });
    await eventually(refusals).toBe(1);
    const connections = road.connections();
    road.set("closed");
    await eventually(() => road.connections() - connections).toBeGreaterThan(3);
    road.set("open");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(refusals()).toBe(1);
    expect(verifier.state()).toMatchObject({ isConnected: false });
  });
});

describe("An API key that was refused", () => {
  it("is tried again at the pace of those who can mend it, not of a server that is down", async () => {
    const pace = { firstRetryMs: 1, mostRetryMs: 1, firstRefusedMs: 60_000, mostRefusedMs: 60_000 };
    const madeUp = `sallyport_svk_${"Z".repeat(43)}`;
    const verifier = delegate({ url: road.url, clock: app.clock }, madeUp, {}, { pace });
    await eventually(verifier.kinds).toEqual(["refused"]);
    const [connections, sent] = [road.connections(), road.sent()];
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(road.connections()).toBe(connections);
    // No request is that short.
    expect(road.sent() - sent).toBeLessThan(200);
    expect(verifier.kinds()).toEqual(["refused"]);
  });
});

describe("Secrets", () => {
  it("are in no event, no error and no warning", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    onTestFinished(() => warned.mockRestore());
    const madeUp = `sallyport_svk_${"Z".repeat(43)}`;
    const { tokens } = await logIn(app, "ada", ["orders"]);
    const file = `${temporaryFolder()}/no folder/bundle`;
    const errors: unknown[] = [];
    const events: unknown[] = [];
    for (const [key, url] of [
      [apiKey, road.url],
      [madeUp, road.url],
      [apiKey, "http://127.0.0.1:1"],
      [apiKey, road.url.replace("http:", "https:")],
    ] as const) {
      const options = { bundle: { file, maxAgeMs: 1_000 }, onStale: "remote" as const };
      const loud = delegate({ url, clock: app.clock }, key, options, { pace: QUICK });
      const quiet = createVerifier({ baseUrl: url, apiKey: key, audience: "orders", ...options });
      await eventually(loud.kinds).toEqual(
        expect.arrayContaining([expect.stringMatching(/fresh|refused|disconnected/)]),
      );
      for (const token of [tokens.accessToken, tokens.refreshToken])
        await loud
          .authorize(token, { freshness: "REMOTE" }, { minRevision: { logId: "none", number: 1 }, timeoutMs: 200 })
          .catch((error) => errors.push(error));
      road.cut();
      await eventually(loud.kinds).toEqual(expect.arrayContaining([expect.stringMatching(/refused|disconnected/)]));
      await loud.close();
      await quiet.close();
      events.push(...loud.events);
    }
    expect(errors).toHaveLength(8);
    const kinds = inspect(events);
    for (const kind of ["refused", "disconnected", "bundle_failed"]) expect(kinds).toContain(kind);
    expect(warned.mock.calls.length).toBeGreaterThan(1);
    const text = inspect([events, errors, warned.mock.calls], { depth: 20, showHidden: true, maxStringLength: null });
    const secrets = [apiKey, madeUp, tokens.accessToken, tokens.refreshToken].map((secret) => secret.slice(-30));
    for (const secret of secrets) expect(text).not.toContain(secret);
  });
});

describe("Whoever listens to events", () => {
  it("may throw: that becomes a warning, and the verifier goes on", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    onTestFinished(() => warned.mockRestore());
    const onEvent = () => {
      throw new Error("the listener's own fault");
    };
    const verifier = delegate({ url: road.url, clock: app.clock }, apiKey, { onEvent }, { pace: QUICK });
    await verifier.ready();
    const { tokens, auth } = await logIn(app, "ada", ["orders"]);
    expect(verifier.check(tokens.accessToken)).toMatchObject({ granted: true });
    road.cut();
    await auth.logout({ refreshToken: tokens.refreshToken });
    await eventually(() => verifier.check(tokens.accessToken)).toMatchObject({ reason: "SESSION_REVOKED" });
    expect(warned.mock.calls.length).toBeGreaterThanOrEqual(4);
    expect(String(warned.mock.calls[0]?.[0])).toContain("the listener's own fault");
  });
});

describe("One who waits until a verifier is ready", () => {
  it("does not wait in vain because it had been fresh a moment ago", async () => {
    const own = await startApp({ checkpointMs: 20 });
    const key = await serviceKey(await welcomeAdmin(own), "orders");
    const verifier = delegate(own, key);
    await verifier.ready();
    for (let turn = 0; turn < 5; turn += 1) {
      own.clock.advance(20_000);
      expect(verifier.state().isFresh).toBe(false);
      await verifier.ready();
      expect(verifier.state().isFresh).toBe(true);
    }
    // However short it was, that it was stale is told.
    expect(verifier.kinds().filter((kind) => kind === "stale")).toHaveLength(5);
    await verifier.close();
    await own.close();
  });
});
