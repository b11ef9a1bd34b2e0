/** A verifier, against the real server. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createVerifier, VerifierUnavailable } from "../../src/verifier/verifier.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { delegate, verdictOf } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, type Person, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { openRoad } from "../support/rough-road.ts";
import { serviceKey } from "../support/watching.ts";

let app: TestApp;
let admin: Person;
let apiKey: string;

beforeAll(async () => {
  app = await startApp();
  admin = await welcomeAdmin(app);
  apiKey = await serviceKey(admin, "orders");
  await signUp(app, "ada");
});
afterAll(() => app.close());

async function readyDelegate(...args: Parameters<typeof delegate>) {
  const verifier = delegate(...args);
  await verifier.ready();
  return verifier;
}

/** The revision of an answer, as a verifier takes it. */
const pointOf = (revision: { logId: string; number: bigint } | undefined) => ({
  logId: revision?.logId ?? "",
  number: Number(revision?.number),
});

describe("A verifier that follows the feed", () => {
  it("grants what Authorize grants, with the same principal", async () => {
    const verifier = await readyDelegate(app, apiKey);
    const { tokens, auth } = await logIn(app, "ada", ["orders"]);
    const decision = verifier.check(tokens.accessToken);
    const { decision: asked } = await auth.authorize({ accessToken: tokens.accessToken, audience: "orders" });
    expect(decision).toMatchObject({ granted: true, principal: { username: "ada", sessionId: tokens.sessionId } });
    expect(asked.case).toBe("granted");
    expect(verifier.kinds().filter((kind) => kind !== "resynced")).toEqual(["connected", "fresh"]);
  });

  it("knows of a logout as soon as it has reached its revision", async () => {
    const verifier = await readyDelegate(app, apiKey);
    const { tokens, auth } = await logIn(app, "ada", ["orders"]);
    expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
    const { revision } = await auth.logout({ refreshToken: tokens.refreshToken });
    const decision = await verifier.authorize(tokens.accessToken, {}, { minRevision: pointOf(revision) });
    expect(decision).toMatchObject({ granted: false, reason: "SESSION_REVOKED", nextStep: "LOG_IN" });
  });

  it("knows of roles, privileges and keys as they change", async () => {
    const verifier = await readyDelegate(app, apiKey);
    const { userId } = await welcome(app, "grace");
    await admin.admin.setRole({ name: "clerk", permissions: ["orders:read"] });
    await admin.admin.setUserRoles({ userId, roles: ["user", "clerk"] });
    const { tokens } = await logIn(app, "grace", ["orders"]);
    const rule = { allPermissions: ["orders:read"] };
    await eventually(() => verdictOf(verifier, tokens.accessToken, rule)).toBe("GRANTED");
    expect(verdictOf(verifier, tokens.accessToken, { allPermissions: ["orders:write"] })).toBe("PERMISSION_MISSING");
    expect(verdictOf(verifier, tokens.accessToken, { anyRole: ["admin"] })).toBe("ROLE_MISSING");
    await admin.admin.setRole({ name: "clerk", permissions: ["orders:list"] });
    await eventually(() => verdictOf(verifier, tokens.accessToken, rule)).toBe("PERMISSION_MISSING");
    await admin.admin.setUserRoles({ userId, roles: ["user"] });
    await eventually(() => verdictOf(verifier, tokens.accessToken)).toBe("PRIVILEGES_CHANGED");
    await admin.admin.rotateSigningKeys({ force: true });
    const later = await logIn(app, "grace", ["orders"]);
    await eventually(() => verdictOf(verifier, later.tokens.accessToken)).toBe("GRANTED");
    const { keys } = await admin.admin.listSigningKeys({});
    const kid = JSON.parse(Buffer.from(later.tokens.accessToken.split(".")[0] ?? "", "base64url").toString()).kid;
    expect(keys.map(({ id }) => id)).toContain(kid);
    await admin.admin.withdrawSigningKey({ keyId: kid });
    await eventually(() => verdictOf(verifier, later.tokens.accessToken)).toBe("TOKEN_INVALID");
  });

  it("refuses whatever is no access token for its audience", async () => {
    const verifier = await readyDelegate(app, apiKey);
    const { tokens } = await logIn(app, "ada");
    const elsewhere = await logIn(app, "ada", ["billing"]);
    expect(verdictOf(verifier, elsewhere.tokens.accessToken)).toBe("AUDIENCE_MISMATCH");
    for (const token of [tokens.refreshToken, apiKey, "", "a.b.c", `${tokens.accessToken}x`, "x".repeat(100_000)])
      expect(verdictOf(verifier, token)).toBe(token === "" ? "TOKEN_MISSING" : "TOKEN_INVALID");
  });

  it("refuses a token that has expired, by the server's clock", async () => {
    const own = await startApp();
    const key = await serviceKey(await welcomeAdmin(own), "orders");
    const verifier = await readyDelegate(own, key);
    const { tokens } = await welcome(own, "ada", ["orders"]);
    expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
    own.clock.advance(600_000);
    await eventually(() => verifier.state().isFresh).toBe(true);
    expect(verdictOf(verifier, tokens.accessToken)).toBe("TOKEN_EXPIRED");
    await verifier.close();
    await own.close();
  });

  it("tells whoever follows a token when its session ends, once", async () => {
    const verifier = await readyDelegate(app, apiKey);
    const one = await logIn(app, "ada", ["orders"]);
    const other = await logIn(app, "ada", ["orders"]);
    const told: string[] = [];
    verifier.follow(one.tokens.accessToken, {}, ({ reason }) => told.push(`one ${reason}`));
    verifier.follow(other.tokens.accessToken, {}, ({ reason }) => told.push(`other ${reason}`));
    const stop = verifier.follow(one.tokens.accessToken, {}, ({ reason }) => told.push(`stopped ${reason}`));
    stop();
    const { revision } = await one.auth.logout({ refreshToken: one.tokens.refreshToken });
    await verifier.authorize(one.tokens.accessToken, {}, { minRevision: pointOf(revision) });
    expect(told).toEqual(["one SESSION_REVOKED"]);
    await one.auth.logout({ refreshToken: one.tokens.refreshToken });
    const last = await other.auth.logout({ refreshToken: other.tokens.refreshToken });
    await verifier.authorize(other.tokens.accessToken, {}, { minRevision: pointOf(last.revision) });
    expect(told).toEqual(["one SESSION_REVOKED", "other SESSION_REVOKED"]);
  });

  it("asks Sallyport where the rule says so", async () => {
    const verifier = await readyDelegate(app, apiKey);
    const { tokens, auth } = await logIn(app, "ada", ["orders"]);
    const remote = { freshness: "REMOTE" as const };
    expect(await verifier.authorize(tokens.accessToken, remote)).toMatchObject({
      granted: true,
      principal: { username: "ada", expiresAt: expect.any(Number) },
    });
    await auth.logout({ refreshToken: tokens.refreshToken });
    expect(await verifier.authorize(tokens.accessToken, remote)).toMatchObject({ reason: "SESSION_REVOKED" });
    expect(await verifier.authorize(tokens.accessToken, { ...remote, anyRole: ["boss"] })).toMatchObject({
      granted: false,
    });
  });
});

describe("A verifier does not decide", () => {
  const unavailable = (reason: string) => expect.objectContaining({ name: "VerifierUnavailable", reason });

  it("before it knows anything", async () => {
    const verifier = delegate({ url: "http://127.0.0.1:1", clock: app.clock }, apiKey);
    expect(() => verifier.check("token")).toThrow(unavailable("TOO_STALE"));
    await expect(verifier.authorize("token")).rejects.toThrow(unavailable("TOO_STALE"));
    await eventually(verifier.kinds).toContain("disconnected");
    expect(verifier.state()).toMatchObject({ isFresh: false, revision: null, isConnected: false });
  });

  it("for a revision that does not come in time", async () => {
    const verifier = await readyDelegate(app, apiKey);
    const { revision } = verifier.state();
    if (revision === null) throw new Error("a verifier that is ready stands somewhere");
    const { tokens } = await logIn(app, "ada", ["orders"]);
    for (const minRevision of [
      { ...revision, number: revision.number + 1_000 },
      { logId: "another", number: 0 },
    ]) {
      const asked = verifier.authorize(tokens.accessToken, {}, { minRevision, timeoutMs: 30 });
      await expect(asked).rejects.toThrow(unavailable("REVISION_NOT_REACHED"));
    }
    const abort = new AbortController();
    const asked = verifier.authorize(
      tokens.accessToken,
      {},
      { minRevision: { ...revision, number: revision.number + 1_000 }, signal: abort.signal },
    );
    abort.abort();
    await expect(asked).rejects.toThrow(unavailable("REVISION_NOT_REACHED"));
  });

  it("once it is closed", async () => {
    const verifier = await readyDelegate(app, apiKey);
    await verifier.close();
    expect(() => verifier.check("token")).toThrow(VerifierUnavailable);
    await expect(verifier.authorize("token")).rejects.toThrow(unavailable("UNAVAILABLE"));
    const waiting = delegate({ url: "http://127.0.0.1:1", clock: app.clock }, apiKey);
    const ready = waiting.ready();
    await waiting.close();
    await expect(ready).rejects.toThrow(unavailable("UNAVAILABLE"));
  });

  it("on knowledge that is too old; and says when that begins and ends", async () => {
    const own = await startApp();
    const key = await serviceKey(await welcomeAdmin(own), "orders");
    const verifier = await readyDelegate(own, key);
    const { tokens } = await welcome(own, "ada", ["orders"]);
    own.clock.advance(10_001);
    expect(() => verifier.check(tokens.accessToken)).toThrow(unavailable("TOO_STALE"));
    await eventually(verifier.kinds).toContain("stale");
    await eventually(() => verifier.kinds().at(-1)).toBe("fresh");
    expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
    await verifier.close();
    await own.close();
  });

  it("on knowledge that is too old by the machine's own count, wherever its clock was put meanwhile", async () => {
    const road = await openRoad(app.port);
    onTestFinished(road.close);
    const machine = { ticks: 0, wall: app.clock.now() };
    const clocks = { tick: () => machine.ticks, wall: () => machine.wall };
    const verifier = await readyDelegate({ url: road.url, clock: app.clock }, apiKey, {}, clocks);
    const { tokens } = await logIn(app, "ada", ["orders"]);
    expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
    road.set("closed");
    await eventually(verifier.kinds).toContain("disconnected");
    machine.wall -= 86_400_000;
    machine.ticks += 9_000;
    expect(verifier.state()).toMatchObject({ isFresh: true, stalenessMs: 9_000 });
    machine.ticks += 2_000;
    machine.wall -= 86_400_000;
    expect(verifier.state()).toMatchObject({ isFresh: false, stalenessMs: 11_000 });
    expect(() => verifier.check(tokens.accessToken)).toThrow(unavailable("TOO_STALE"));
    await eventually(verifier.kinds).toContain("stale");
  });
});

describe("A verifier whose API key is no good", () => {
  it.each([
    ["is made up", async () => `sallyport_svk_${"A".repeat(43)}`],
    ["has not got the permission", () => serviceKey(admin, `nosy-${crypto.randomUUID()}`, ["users:read"])],
  ])("which %s says so once, and tries again slowly", async (_what, makeKey) => {
    const verifier = delegate(app, await makeKey());
    await eventually(verifier.kinds).toEqual(["refused"]);
    const [event] = verifier.events;
    expect(event?.kind === "refused" && event.error.message).toMatch(/unauthenticated|permission_denied/);
    expect(() => verifier.check("token")).toThrow(VerifierUnavailable);
  });

  it("because it was revoked keeps what it knows, until that is too old", async () => {
    const key = await serviceKey(admin, "fleeting");
    const verifier = await readyDelegate(app, key);
    const { tokens } = await logIn(app, "ada", ["orders"]);
    await admin.admin.revokeService({ name: "fleeting" });
    await eventually(verifier.kinds).toContain("refused");
    expect(verdictOf(verifier, tokens.accessToken)).toBe("GRANTED");
  });

  it.each([
    [{ baseUrl: "localhost:8080" }, "baseUrl"],
    [{ baseUrl: "" }, "baseUrl"],
    [{ apiKey: "secret thing" }, "apiKey"],
    [{ apiKey: "sallyport_svk_a\nb" }, "apiKey"],
    [{ audience: "" }, "audience"],
    [{ maxStalenessMs: 0 }, "maxStalenessMs"],
    [{ cacheCapacity: -1 }, "cacheCapacity"],
    [{ bundle: { file: "", maxAgeMs: 1 } }, "bundle.file"],
    [{ bundle: { file: "x", maxAgeMs: 0 } }, "bundle.maxAgeMs"],
  ])("or with other options that cannot be, %j, is not made; the key is not repeated", (options, name) => {
    const make = () => createVerifier({ baseUrl: app.url, apiKey, audience: "orders", ...options });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(name);
    expect(make).not.toThrow("secret thing");
  });
});
