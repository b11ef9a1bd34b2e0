/** Answers that are lost after the server did its work: by the wire in this process, and by real connections that break. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createMemoryStore, type SessionStore } from "../../src/client/session-store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { clientOn, createWire, LOST_ANSWER, LOST_REQUEST } from "../support/client-wire.ts";
import { WIRE_FORMS } from "../support/clients.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { passwordOf, signUp } from "../support/people.ts";
import { generationOf, loggedOf } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";

const LIFE_MS = 600_000;
const GRACE_MS = 30_000;
const ADA = { identifier: "ada", password: passwordOf("ada") };

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

async function kept(store: SessionStore) {
  return JSON.parse((await store.read()) ?? "null");
}

describe("A refresh whose answer is lost", () => {
  it("is sent again by the same attempt, and goes on where the server is", async () => {
    const store = createMemoryStore();
    const { client, wire } = clientOn(app, { store });
    const { sessionId } = await client.login(ADA);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", LOST_ANSWER);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    const [first, second] = wire.sent("Refresh").map(({ message }) => message);
    expect(second).toEqual(first);
    expect(generationOf((await kept(store)).refreshToken)).toBe(2);
    expect(loggedOf(app, "refresh_repeated", sessionId)).toHaveLength(1);
  });

  it("twice fails the call, keeps the session, and is made good by the next call, long after the grace time", async () => {
    const store = createMemoryStore();
    const { client, wire } = clientOn(app, { store });
    const session = await client.login(ADA);
    app.clock.advance(LIFE_MS);
    wire.plan("Refresh", LOST_ANSWER, LOST_ANSWER);
    expect((await refusalOf(client.account.getAccount({}))).code).toBe("Unavailable");
    expect(await client.session()).toEqual(session);
    app.clock.advance(GRACE_MS * 100);
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    const attempts = wire.sent("Refresh").map(({ message }) => message);
    expect(attempts).toEqual([attempts[0], attempts[0], attempts[0]]);
    expect((await client.session())?.sessionId).toBe(session.sessionId);
  });

  it("and whose program ends then, is made good by the next program that reads the store", async () => {
    const store = createMemoryStore();
    const first = clientOn(app, { store });
    const { sessionId } = await first.client.login(ADA);
    app.clock.advance(LIFE_MS);
    first.wire.plan("Refresh", { after: () => first.client.close() }, LOST_REQUEST);
    await first.client.refresh().catch(() => undefined);
    app.clock.advance(GRACE_MS * 2);
    const second = clientOn(app, { store });
    expect((await second.client.account.getAccount({})).user?.username).toBe("ada");
    expect((await second.client.session())?.sessionId).toBe(sessionId);
  });

  it("without having been stored would have ended the session: the attempt id is what saves it", async () => {
    const store = createMemoryStore();
    const { client, wire } = clientOn(app, { store });
    await client.login(ADA);
    wire.plan("Refresh", LOST_ANSWER, LOST_ANSWER);
    await client.refresh().catch(() => undefined);
    const text = await store.read();
    await store.replace(text, JSON.stringify({ ...(await kept(store)), attemptId: "" }));
    app.clock.advance(LIFE_MS);
    expect((await refusalOf(client.account.getAccount({}))).reason).toBe("REFRESH_TOKEN_REUSED");
  });

  it("because the store could not take it, is asked for again when the store can", async () => {
    const memory = createMemoryStore();
    let isFull = false;
    const store: SessionStore = {
      ...memory,
      async replace(expected, next) {
        if (isFull && JSON.parse(next ?? "").generation > 1) throw new Error("the quota is used up");
        return memory.replace(expected, next);
      },
    };
    const { client } = clientOn(app, { store });
    await client.login(ADA);
    app.clock.advance(LIFE_MS);
    isFull = true;
    await expect(client.account.getAccount({})).rejects.toThrow("the quota is used up");
    app.clock.advance(LIFE_MS);
    isFull = false;
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect(generationOf((await kept(store)).refreshToken)).toBe(2);
  });
});

describe.each(WIRE_FORMS)("Connections that break, over $name,", ({ transport }) => {
  it("before the answer to a refresh came, sign nobody out", async () => {
    const proxy = await startCuttingProxy(app.port);
    onTestFinished(() => proxy.close());
    const store = createMemoryStore();
    const { client } = clientOn(app, { store, wire: createWire(proxy, transport) });
    const changes = changesOf(client);
    const { sessionId } = await client.login(ADA);
    for (let generation = 2; generation < 5; generation += 1) {
      app.clock.advance(LIFE_MS);
      // What the server answers is lost, and the connection with it.
      proxy.cutNextAnswers(generation - 1);
      for (let tries = 0; tries < 4; tries += 1) {
        await client.account.getAccount({}).catch(() => undefined);
        app.clock.advance(LIFE_MS);
      }
      expect((await client.account.getAccount({})).user?.username).toBe("ada");
    }
    expect((await client.session())?.sessionId).toBe(sessionId);
    expect(changes.filter((change) => change.startsWith("signed-out"))).toEqual([]);
    expect(proxy.cuts()).toBe(1 + 2 + 3);
  });
});
