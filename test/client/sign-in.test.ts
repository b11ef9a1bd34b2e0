import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/client/session-store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { answeredBy, clientOn, createWire, LOST_REQUEST } from "../support/client-wire.ts";
import { WIRE_FORMS } from "../support/clients.ts";
import { passwordOf, signUp } from "../support/people.ts";
import { generationOf } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

const ADA = { identifier: "ada", password: passwordOf("ada") };

describe.each(WIRE_FORMS)("A client over $name", ({ name, transport }) => {
  it("signs up, signs in, calls, refreshes and logs out", async () => {
    const { client, wire } = clientOn(app, { wire: createWire(app, transport) });
    const username = `wire${WIRE_FORMS.findIndex((form) => form.name === name)}`;
    const user = await client.signup({ username, password: passwordOf(username) });
    expect(user.username).toBe(username);
    const session = await client.login({ identifier: username, password: passwordOf(username), deviceName: "kite" });
    expect(await client.session()).toEqual(session);
    expect((await client.account.getAccount({})).user).toEqual(session.user);
    app.clock.advance(600_000);
    const { sessions } = await client.account.listSessions({});
    expect(sessions.map(({ id, deviceName, current }) => ({ id, deviceName, current }))).toEqual([
      { id: session.sessionId, deviceName: "kite", current: true },
    ]);
    expect(wire.sent("Refresh")).toHaveLength(1);
    expect(await client.logout()).toMatchObject({ logId: expect.stringMatching(/./) });
    expect(await client.session()).toBeNull();
  });

  it("reads why it is refused, and what to do", async () => {
    const { client } = clientOn(app, { wire: createWire(app, transport) });
    await expect(client.login({ ...ADA, password: "wrong" })).rejects.toThrow("unknown user or wrong password");
    const { reason, nextStep, code } = await refusalOf(client.account.getAccount({}));
    expect({ reason, nextStep, code }).toEqual({
      reason: "TOKEN_MISSING",
      nextStep: "NEXT_STEP_LOG_IN",
      code: "Unauthenticated",
    });
  });
});

describe("Signing in", () => {
  it("that is refused leaves the session of before", async () => {
    const { client } = clientOn(app);
    const session = await client.login(ADA);
    await expect(client.login({ ...ADA, password: "wrong" })).rejects.toThrow("wrong password");
    expect(await client.session()).toEqual(session);
  });

  it("anew replaces the session of before, and says so", async () => {
    const { client } = clientOn(app);
    const changes = changesOf(client);
    const first = await client.login(ADA);
    const second = await client.login(ADA);
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(await client.session()).toEqual(second);
    await expect.poll(() => changes).toEqual(["signed-in ada", "signed-in ada"]);
  });

  it("is not tried twice: its method is not declared idempotent", async () => {
    const { client, wire } = clientOn(app);
    wire.plan("Login", LOST_REQUEST);
    wire.plan("Signup", LOST_REQUEST);
    expect((await refusalOf(client.login(ADA))).code).toBe("Unavailable");
    expect((await refusalOf(client.signup({ username: "bob", password: passwordOf("bob") }))).code).toBe("Unavailable");
    expect(wire.calls.map(({ method }) => method)).toEqual(["Login", "Signup"]);
  });

  it("is not begun where it could not be kept", async () => {
    const store = createMemoryStore();
    await store.replace(null, "somebody's shopping list");
    const { client, wire } = clientOn(app, { store });
    await expect(client.login(ADA)).rejects.toThrow("memory holds something that is no session");
    expect(wire.calls).toEqual([]);
    expect(await store.read()).toBe("somebody's shopping list");
  });

  it("sends no token with passwords and refresh tokens", async () => {
    const { client, wire } = clientOn(app);
    await client.login(ADA);
    await client.login(ADA);
    await client.refresh();
    await client.logout();
    expect(wire.calls.map(({ token }) => token)).toEqual(["", "", "", ""]);
  });
});

describe("Logging out", () => {
  it("does nothing where nobody is signed in", async () => {
    const { client, wire } = clientOn(app);
    expect(await client.logout()).toBeNull();
    expect(wire.calls).toEqual([]);
  });

  it("keeps the session if the service cannot be asked, so that it can be tried again", async () => {
    const { client, wire } = clientOn(app);
    const session = await client.login(ADA);
    wire.plan("Logout", LOST_REQUEST, answeredBy(Code.Unauthenticated));
    expect((await refusalOf(client.logout())).code).toBe("Unavailable");
    expect((await refusalOf(client.logout())).code).toBe("Unauthenticated");
    expect(await client.session()).toEqual(session);
    await client.logout();
    expect(await client.session()).toBeNull();
  });

  it("of a session that is over succeeds", async () => {
    const { client } = clientOn(app);
    const { sessionId } = await client.login(ADA);
    await client.account.revokeSession({ sessionId });
    expect(await client.logout()).toMatchObject({ logId: expect.stringMatching(/./) });
    expect(await client.session()).toBeNull();
  });

  it("tells that once, and by whom", async () => {
    const store = createMemoryStore();
    const { client } = clientOn(app, { store });
    const { client: other } = clientOn(app, { store });
    await client.login(ADA);
    await other.session();
    const changes = [changesOf(client), changesOf(other)];
    await client.logout();
    await client.logout();
    await Promise.all([other.session(), other.session()]);
    await expect.poll(() => changes).toEqual([["signed-out ada: LOGGED_OUT"], ["signed-out ada: ELSEWHERE"]]);
  });

  it("of the others keeps this one, even if another tab has just refreshed", async () => {
    const store = createMemoryStore();
    const { client, wire } = clientOn(app, { store });
    const { client: tab } = clientOn(app, { store });
    const { client: elsewhere } = clientOn(app);
    await signUp(app, "olga");
    const olga = { identifier: "olga", password: passwordOf("olga") };
    await elsewhere.login(olga);
    await client.login(olga);
    wire.plan("Logout", { before: async () => void (await tab.refresh()) });
    expect(await client.logout({ sessions: "others" })).toMatchObject({ logId: expect.stringMatching(/./) });
    expect(wire.sent("Logout")).toHaveLength(2);
    expect((await client.account.listSessions({})).sessions).toHaveLength(1);
    expect((await refusalOf(elsewhere.account.getAccount({}))).reason).toBe("SESSION_ENDED");
  });

  it("of all, with a session that is over, says that the others are not ended", async () => {
    const { client } = clientOn(app);
    const { sessionId } = await client.login(ADA);
    await client.account.revokeSession({ sessionId });
    expect((await refusalOf(client.logout({ sessions: "all" }))).reason).toBe("SESSION_ENDED");
    expect(await client.session()).toBeNull();
  });

  it("ends no session that began meanwhile in another tab", async () => {
    const store = createMemoryStore();
    const { client, wire } = clientOn(app, { store });
    const { client: tab } = clientOn(app, { store });
    await client.login(ADA);
    wire.plan("Logout", { after: async () => void (await tab.login(ADA)) });
    await client.logout();
    expect(await client.session()).toEqual(await tab.session());
    expect((await tab.account.getAccount({})).user?.username).toBe("ada");
  });

  it("of a session that is refreshed in the same moment leaves nothing behind", async () => {
    const store = createMemoryStore();
    const { client, wire } = clientOn(app, { store });
    const { client: tab, wire: tabs } = clientOn(app, { store });
    await client.login(ADA);
    tabs.plan("Refresh", { after: async () => void (await client.logout()) });
    expect(await tab.refresh()).toBeNull();
    expect(await store.read()).toBeNull();
    expect(wire.sent("Logout")).toHaveLength(1);
  });

  it("by forget() alone says nothing to the service", async () => {
    const store = createMemoryStore();
    const { client, wire } = clientOn(app, { store });
    await client.login(ADA);
    const text = await store.read();
    const changes = changesOf(client);
    await client.forget();
    expect(await store.read()).toBeNull();
    expect(wire.calls.map(({ method }) => method)).toEqual(["Login"]);
    await expect.poll(() => changes).toEqual(["signed-out ada: FORGOTTEN"]);
    await store.replace(null, text);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
  });

  it("by forget() also takes away what is no session", async () => {
    const store = createMemoryStore();
    await store.replace(null, "{");
    const { client } = clientOn(app, { store });
    await expect(client.session()).rejects.toThrow("call forget()");
    await client.forget();
    expect(await client.session()).toBeNull();
  });
});

it("The count of generations that clients keep is the one that the server keeps", async () => {
  const store = createMemoryStore();
  const { client } = clientOn(app, { store });
  await client.login(ADA);
  for (let generation = 1; generation < 4; generation += 1) {
    const kept = JSON.parse((await store.read()) ?? "");
    expect(generationOf(kept.refreshToken)).toBe(generation);
    expect(kept.generation).toBe(generation);
    await client.refresh();
  }
});
