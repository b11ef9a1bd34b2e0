import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SallyportClient } from "../../src/client/client.ts";
import { createMemoryStore, type SessionStore } from "../../src/client/session-store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { type ClientWire, clientOn, LOST_REQUEST } from "../support/client-wire.ts";
import { passwordOf, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

const LIFE_MS = 600_000;
const ADA = { identifier: "ada", password: passwordOf("ada") };

let app: TestApp;
let store: SessionStore;
let client: SallyportClient;
let wire: ClientWire;
let letGo: () => void;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

/** A session whose token is over, and a refresh that waits to be let go. */
beforeEach(async () => {
  store = createMemoryStore();
  ({ client, wire } = clientOn(app, { store }));
  await client.login(ADA);
  app.clock.advance(LIFE_MS);
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  wire.plan("Refresh", { before: () => held });
});

describe("A caller that gives up while a refresh is under way", () => {
  it("does so at once, and the others get their answers from that very refresh", async () => {
    const impatient = new AbortController();
    const given = refusalOf(client.account.getAccount({}, { signal: impatient.signal }));
    const patient = [client.account.getAccount({}), client.account.getAccount({})];
    await expect.poll(() => wire.sent("Refresh").length).toBe(1);
    impatient.abort();
    expect((await given).code).toBe("Canceled");
    letGo();
    expect((await Promise.all(patient)).map(({ user }) => user?.username)).toEqual(["ada", "ada"]);
    expect(wire.sent("Refresh")).toHaveLength(1);
    expect(wire.sent("GetAccount")).toHaveLength(2);
  });

  it("because its deadline passed is told so, and the refresh serves the next call", async () => {
    expect((await refusalOf(client.account.getAccount({}, { timeoutMs: 20 }))).code).toBe("DeadlineExceeded");
    letGo();
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect(wire.sent("Refresh")).toHaveLength(1);
    expect(wire.sent("GetAccount")).toHaveLength(1);
  });

  it("before it began sends nothing", async () => {
    const refusal = await refusalOf(client.account.getAccount({}, { signal: AbortSignal.abort() }));
    expect(refusal.code).toBe("Canceled");
    expect(wire.sent("GetAccount")).toEqual([]);
  });

  it("gives up the pause before a second try, too", async () => {
    letGo();
    await client.refresh();
    const { client: slow } = clientOn(app, { store, wire, pause: () => new Promise(() => undefined) });
    wire.plan("GetAccount", LOST_REQUEST);
    expect((await refusalOf(slow.account.getAccount({}, { timeoutMs: 50 }))).code).toBe("DeadlineExceeded");
    expect(wire.sent("GetAccount")).toHaveLength(1);
  });
});

describe("A client that is closed", () => {
  it("gives up the refresh that is under way, and the session stays for the next client", async () => {
    wire.heal();
    const hung = clientOn(app, { store });
    let isAborted = false;
    hung.wire.plan("Refresh", {
      before: (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            isAborted = true;
            reject(signal.reason);
          });
        }),
    });
    const changes = changesOf(hung.client);
    const given = refusalOf(hung.client.account.getAccount({}));
    await expect.poll(() => hung.wire.sent("Refresh").length).toBe(1);
    hung.client.close();
    expect((await given).code).toBe("Canceled");
    expect(isAborted).toBe(true);
    expect((await clientOn(app, { store }).client.account.getAccount({})).user?.username).toBe("ada");
    expect(changes).toEqual([]);
  });
});
