/** What never ends a session: a service that is down, busy or slow, and everybody who answers in its place. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reasonOf } from "../../src/client/refusal-reason.ts";
import { createMemoryStore } from "../../src/client/session-store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { createProfile } from "../support/client-store.ts";
import { answeredBy, clientOn, type Mishap, refusedFor } from "../support/client-wire.ts";
import { passwordOf, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

const LIFE_MS = 600_000;
const ADA = { identifier: "ada", password: passwordOf("ada") };

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

const KEPT: readonly (readonly [string, string, Mishap])[] = [
  ["a service that is down", "Unavailable", answeredBy(Code.Unavailable)],
  ["a service that says so", "Unavailable", refusedFor("UNAVAILABLE", Code.Unavailable)],
  ["a service that is too slow", "DeadlineExceeded", answeredBy(Code.DeadlineExceeded)],
  ["a busy service", "ResourceExhausted", refusedFor("BUSY", Code.ResourceExhausted)],
  ["a fault of the service", "Internal", refusedFor("INTERNAL", Code.Internal)],
  ["an older service without the RPC", "Unimplemented", refusedFor("RPC_UNKNOWN", Code.Unimplemented)],
  ["a proxy that wants a login of its own", "Unauthenticated", answeredBy(Code.Unauthenticated)],
  ["a proxy that forbids", "PermissionDenied", answeredBy(Code.PermissionDenied)],
  ["a proxy that finds nothing", "Unimplemented", answeredBy(Code.Unimplemented)],
  ["a page in the place of the answer", "Unknown", answeredBy(Code.Unknown)],
  ["a broken connection", "Aborted", answeredBy(Code.Aborted)],
  ["a newer reason that nobody knows yet", "Unauthenticated", refusedFor("MOON_IN_THE_WAY", Code.Unauthenticated)],
  ["a reason that concerns access tokens", "Unauthenticated", refusedFor("SESSION_REVOKED", Code.Unauthenticated)],
];

describe("A refresh that fails because of", () => {
  it.each(KEPT)("%s fails the call as that, and keeps the session", async (_name, code, mishap) => {
    const { client, wire } = clientOn(app);
    const session = await client.login(ADA);
    const changes = changesOf(client);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", ...Array(4).fill(mishap));
    for (let calls = 0; calls < 4; calls += 1) expect((await refusalOf(client.account.getAccount({}))).code).toBe(code);
    expect(wire.sent("GetAccount")).toEqual([]);
    expect(await client.session()).toEqual(session);
    wire.heal();
    app.clock.advance(LIFE_MS);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect(changes).toEqual(["refreshed ada"]);
  });

  it("somebody else's reason of the same name keeps the session", async () => {
    const { client, wire } = clientOn(app);
    const session = await client.login(ADA);
    wire.plan("Refresh", refusedFor("SESSION_ENDED", Code.Unauthenticated, { domain: "example.com" }));
    const error = await client.refresh().catch((caught: unknown) => caught);
    expect(reasonOf(error)).toBeNull();
    expect(await client.session()).toEqual(session);
  });
});

describe("While the service is down, a client", () => {
  it("asks at growing intervals, however many calls there are, and says how it is", async () => {
    const { client, wire } = clientOn(app);
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", ...Array(1_000).fill(answeredBy(Code.ResourceExhausted)));
    const times: number[] = [];
    for (let ms = 0; ms < 120_000; ms += 50) {
      const before = wire.sent("Refresh").length;
      expect((await refusalOf(client.account.getAccount({}))).code).toBe("ResourceExhausted");
      if (wire.sent("Refresh").length > before) times.push(ms);
      app.clock.advance(50);
    }
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(times.length).toBeLessThan(20);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_050);
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(Math.min(250 * 2 ** index, 30_000) / 2);
    });
  });

  it("waits as long as the service asks it to", async () => {
    const { client, wire } = clientOn(app);
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", refusedFor("UNAVAILABLE", Code.Unavailable, { retryAfter: 7 }));
    expect(await refusalOf(client.account.getAccount({}))).toMatchObject({ code: "Unavailable", retryDelayMs: 7_000 });
    app.clock.advance(6_999);
    expect((await refusalOf(client.account.getAccount({}))).code).toBe("Unavailable");
    expect(wire.sent("Refresh")).toHaveLength(1);
    app.clock.advance(1);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
  });

  it("may sign in anew, and is not held up then", async () => {
    const { client, wire } = clientOn(app);
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", answeredBy(Code.ResourceExhausted));
    await refusalOf(client.account.getAccount({}));
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
  });
});

describe("A tab whose refresh token is superseded", () => {
  it("uses the newer one that another tab stores in the same moment", async () => {
    const profile = createProfile();
    const store = profile.openTab({ locks: null });
    const { client, wire } = clientOn(app, { store });
    const { client: tab } = clientOn(app, { store: profile.openTab({ locks: null }) });
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", {
      async before() {
        // Two exchanges further on, the store is a step behind for a moment, as between two processes of a browser.
        const old = await store.read();
        await tab.refresh();
        await tab.refresh();
        const newest = await store.read();
        await store.replace(newest, old);
        setTimeout(() => void store.replace(old, newest), 5);
      },
    });
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect(wire.sent("Refresh")).toHaveLength(1);
  });

  it("keeps the session if nobody stores one, says what it is, and does not send that token again", async () => {
    const [store, copy] = [createMemoryStore(), createMemoryStore()];
    const { client, wire } = clientOn(app, { store });
    const { client: twin } = clientOn(app, { store: copy });
    const session = await client.login(ADA);
    await copy.replace(null, await store.read());
    await twin.refresh();
    await twin.refresh();
    for (let calls = 0; calls < 3; calls += 1) {
      expect((await refusalOf(client.refresh())).reason).toBe("REFRESH_TOKEN_SUPERSEDED");
      // Sent once more after the grace time, it would count as stolen, and end the twin's session, too.
      app.clock.advance(60_000);
    }
    expect(wire.sent("Refresh")).toHaveLength(1);
    expect(await client.session()).toEqual(session);
    expect((await twin.account.getAccount({})).user?.username).toBe("ada");
  });
});

describe("A store without locks, between two tabs, at worst", () => {
  it("lets a slow tab's answer come after newer ones, and keeps the newest", async () => {
    const profile = createProfile();
    const slow = clientOn(app, { store: profile.openTab({ locks: null }) });
    const fast = clientOn(app, { store: profile.openTab({ locks: null }) });
    await slow.client.login(ADA);
    app.clock.advance(LIFE_MS);
    slow.wire.plan("Refresh", {
      async after() {
        for (let times = 0; times < 3; times += 1) await fast.client.refresh();
      },
    });
    expect((await slow.client.account.getAccount({})).user?.username).toBe("ada");
    const [text = ""] = profile.items.values();
    expect(JSON.parse(text).generation).toBe(4);
    app.clock.advance(LIFE_MS);
    expect((await slow.client.account.getAccount({})).user?.username).toBe("ada");
  });
});
