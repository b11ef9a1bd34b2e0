import { Code, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { systemRandomBytes } from "../../src/client/random-bytes.ts";
import { createMemoryStore } from "../../src/client/session-store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { createProfile } from "../support/client-store.ts";
import { type ClientWire, clientOn, createWire, LOST_REQUEST, refusedFor } from "../support/client-wire.ts";
import { WIRE_FORMS } from "../support/clients.ts";
import { passwordOf, signUp, welcomeAdmin } from "../support/people.ts";
import { generationOf } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";

const LIFE_MS = 600_000;
const ADA = { identifier: "ada", password: passwordOf("ada"), audiences: ["sallyport", "orders", "billing"] };

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

const refreshes = (...wires: readonly ClientWire[]) => wires.flatMap((wire) => wire.sent("Refresh"));

describe("Sixteen calls at once with a token that is over", () => {
  it.each(WIRE_FORMS)("refresh once, over $name", async ({ transport }) => {
    const { client, wire } = clientOn(app, { wire: createWire(app, transport) });
    const changes = changesOf(client);
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    const answers = await Promise.all(Array.from({ length: 16 }, () => client.account.getAccount({})));
    expect(answers.map(({ user }) => user?.username)).toEqual(Array(16).fill("ada"));
    expect(refreshes(wire)).toHaveLength(1);
    expect(wire.sent("GetAccount")).toHaveLength(16);
    expect(new Set(wire.sent("GetAccount").map(({ token }) => token)).size).toBe(1);
    await expect.poll(() => changes).toEqual(["signed-in ada", "refreshed ada"]);
  });

  it("refresh once when it is the server that refuses the token, and are sent twice, no more", async () => {
    const { client, wire } = clientOn(app);
    await client.login(ADA);
    wire.plan("GetAccount", ...Array(16).fill(refusedFor("TOKEN_EXPIRED", Code.Unauthenticated)));
    await Promise.all(Array.from({ length: 16 }, () => client.account.getAccount({})));
    expect(refreshes(wire)).toHaveLength(1);
    expect(wire.sent("GetAccount")).toHaveLength(32);
  });

  it("refresh once when their roles changed, and then have the new ones", async () => {
    const { admin } = await welcomeAdmin(app);
    const { client, wire } = clientOn(app);
    const user = await client.signup({ username: "eve", password: passwordOf("eve") });
    await client.login({ identifier: "eve", password: passwordOf("eve") });
    await admin.setUserRoles({ userId: user.id, roles: ["admin"] });
    await Promise.all(Array.from({ length: 16 }, () => client.account.getAccount({})));
    expect(refreshes(wire)).toHaveLength(1);
    expect((await client.session())?.user.roles).toEqual(["admin"]);
    expect((await createClient(AdminService, client.transport).listUsers({})).users.length).toBeGreaterThan(2);
  });

  it("refresh once for each audience that they need, one after the other", async () => {
    const { client, wire } = clientOn(app);
    await client.login(ADA);
    const tokens = await Promise.all(
      ["orders", "billing", "orders", "billing", "orders"].map((audience) => client.accessToken(audience)),
    );
    expect(new Set(tokens).size).toBe(2);
    expect(refreshes(wire)).toHaveLength(2);
    expect(await client.accessToken("orders")).toBe(tokens[0]);
    expect(refreshes(wire)).toHaveLength(2);
  });

  it("all fail alike if it cannot be refreshed, after one try", async () => {
    const { client, wire } = clientOn(app);
    const session = await client.login(ADA);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", LOST_REQUEST, LOST_REQUEST);
    const refusals = await Promise.all(Array.from({ length: 16 }, () => refusalOf(client.account.getAccount({}))));
    expect(refusals.map(({ code }) => code)).toEqual(Array(16).fill("Unavailable"));
    expect(refreshes(wire)).toHaveLength(2);
    expect(wire.sent("GetAccount")).toEqual([]);
    expect(await client.session()).toEqual(session);
  });
});

describe("A token that ends soon", () => {
  let wire: ClientWire;
  let client: ReturnType<typeof clientOn>["client"];

  beforeEach(async () => {
    ({ client, wire } = clientOn(app));
    await client.login(ADA);
    app.clock.advance(LIFE_MS - 60_000);
  });

  it("is renewed while calls go on with it, and do not wait", async () => {
    let letGo = (): void => undefined;
    wire.plan("Refresh", { before: () => new Promise<void>((resolve) => (letGo = resolve)) });
    for (let calls = 0; calls < 3; calls += 1) await client.account.getAccount({});
    expect(refreshes(wire)).toHaveLength(1);
    const changes = changesOf(client);
    letGo();
    await expect.poll(() => changes).toEqual(["refreshed ada"]);
    await client.account.getAccount({});
    expect(new Set(wire.sent("GetAccount").map(({ token }) => token)).size).toBe(2);
    expect(refreshes(wire)).toHaveLength(1);
  });

  it("still serves if the service that renews tokens is down, and that is not asked at each call", async () => {
    wire.plan("Refresh", ...Array(20).fill(LOST_REQUEST));
    for (let calls = 0; calls < 20; calls += 1) await client.account.getAccount({});
    await expect.poll(() => refreshes(wire).length).toBe(2);
    app.clock.advance(251);
    for (let calls = 0; calls < 20; calls += 1) await client.account.getAccount({});
    await expect.poll(() => refreshes(wire).length).toBe(4);
  });

  it("is not renewed before its time", async () => {
    const { client: early, wire: unused } = clientOn(app);
    await early.login(ADA);
    app.clock.advance(LIFE_MS - 60_001);
    await early.account.getAccount({});
    expect(refreshes(unused)).toEqual([]);
  });
});

describe.each([
  ["with Web Locks", navigator.locks, 1],
  // On a page over plain HTTP; the server gives both the same successor.
  ["without Web Locks", null, 2],
] as const)("Two tabs with one store, %s", (_name, locks, most) => {
  it("that refresh at once stay signed in, on one branch", async () => {
    const profile = createProfile();
    const first = clientOn(app, { store: profile.openTab({ locks }) });
    const second = clientOn(app, { store: profile.openTab({ locks }) });
    await first.client.login(ADA);
    for (let generation = 2; generation < 8; generation += 1) {
      app.clock.advance(LIFE_MS);
      await Promise.all([first, second, first, second].map(({ client }) => client.account.getAccount({})));
      const [text = ""] = profile.items.values();
      expect(generationOf(JSON.parse(text).refreshToken)).toBe(generation);
    }
    expect(refreshes(first.wire, second.wire).length).toBeLessThanOrEqual(6 * most);
    expect((await second.client.account.listSessions({})).sessions.filter(({ current }) => current)).toHaveLength(1);
  });

  it("hear of each other's changes", async () => {
    const profile = createProfile();
    const { client: first } = clientOn(app, { store: profile.openTab({ locks }) });
    const { client: second } = clientOn(app, { store: profile.openTab({ locks }) });
    await second.session();
    const changes = changesOf(second);
    await first.login(ADA);
    await expect.poll(() => changes).toEqual(["signed-in ada"]);
    await first.refresh();
    await expect.poll(() => changes).toEqual(["signed-in ada", "refreshed ada"]);
    await first.logout();
    await expect.poll(() => changes).toEqual(["signed-in ada", "refreshed ada", "signed-out ada: ELSEWHERE"]);
    second.close();
    await first.login(ADA);
    expect(changes).toHaveLength(3);
  });
});

describe("A tab with Web Locks", () => {
  it("takes what another one fetched while it waited for its turn", async () => {
    const profile = createProfile();
    const first = clientOn(app, { store: profile.openTab() });
    const second = clientOn(app, { store: profile.openTab() });
    await first.client.login(ADA);
    app.clock.advance(LIFE_MS);
    first.wire.plan("Refresh", { before: async () => void (await new Promise((resolve) => setTimeout(resolve, 50))) });
    const waiting = [first.client.account.getAccount({}), second.client.account.getAccount({})];
    await Promise.all(waiting);
    expect([refreshes(first.wire).length, refreshes(second.wire).length].sort()).toEqual([0, 1]);
  });

  it("goes on by itself if a frozen tab keeps the lock", async () => {
    const profile = createProfile();
    const frozen = { request: <T>(_name: string, { signal }: { signal: AbortSignal }) => aborted<T>(signal) };
    const { client, wire } = clientOn(app, { store: profile.openTab({ locks: frozen, lockWaitMs: 20 }) });
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect(refreshes(wire)).toHaveLength(1);
  });

  it("does not do its work a second time if that failed under the lock", async () => {
    const { client, wire } = clientOn(app, { store: createProfile().openTab() });
    await client.login(ADA);
    wire.plan("Refresh", refusedFor("UNAVAILABLE", Code.ResourceExhausted));
    expect((await refusalOf(client.refresh())).code).toBe("ResourceExhausted");
    expect(refreshes(wire)).toHaveLength(1);
  });
});

describe("Attempt ids", () => {
  it("are 16 bytes, stored before they are sent, new for each exchange, and gone with the answer", async () => {
    const store = createMemoryStore();
    const drawn: number[] = [];
    const randomBytes = (length: number) => {
      drawn.push(length);
      return systemRandomBytes(length);
    };
    const { client, wire } = clientOn(app, { store, randomBytes });
    await client.login(ADA);
    const stored: string[] = [];
    const look = { before: async () => void stored.push(JSON.parse((await store.read()) ?? "").attemptId) };
    wire.plan("Refresh", look, look);
    await client.refresh();
    expect(JSON.parse((await store.read()) ?? "").attemptId).toBe("");
    await client.refresh();
    expect(drawn).toEqual([16, 16]);
    expect(new Set(stored).size).toBe(2);
    const sent = refreshes(wire).map(({ message }) => message);
    expect(sent).toEqual(
      stored.map((id) => expect.objectContaining({ attemptId: new Uint8Array(Buffer.from(id, "base64url")) })),
    );
  });
});

/** What a lock request does that is never granted. */
function aborted<T>(signal: AbortSignal): Promise<T> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
