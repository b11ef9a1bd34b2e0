/** What ends a session: Sallyport's word that it is over, once, with its reason, and about the very token that is stored. */
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryStore, type SessionStore } from "../../src/client/session-store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { createProfile } from "../support/client-store.ts";
import { clientOn, refusedFor } from "../support/client-wire.ts";
import { logIn, passwordOf, signUp, welcomeAdmin } from "../support/people.ts";
import { generationOf, refresh } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";

const LIFE_MS = 600_000;
const GRACE_MS = 30_000;
const DAY_MS = 86_400_000;

let app: TestApp;
let people = 0;

beforeAll(async () => {
  app = await startApp();
  await welcomeAdmin(app);
});
afterAll(() => app.close());

async function newPerson(store: SessionStore = createMemoryStore()) {
  people += 1;
  const username = `user${people}`;
  const userId = await signUp(app, username);
  const { client, wire } = clientOn(app, { store });
  const credentials = { identifier: username, password: passwordOf(username) };
  const session = await client.login(credentials);
  return { username, userId, credentials, client, wire, session, store, changes: changesOf(client) };
}

async function admin() {
  return (await logIn(app, "root")).admin;
}

type NewPerson = Awaited<ReturnType<typeof newPerson>>;

async function refreshTokenOf(store: SessionStore): Promise<string> {
  return JSON.parse((await store.read()) ?? "").refreshToken;
}

/** Spoils what the store holds, as far as the text has this. */
async function spoil(store: SessionStore, change: (record: Record<string, unknown>) => object): Promise<void> {
  const text = await store.read();
  await store.replace(text, JSON.stringify({ ...JSON.parse(text ?? ""), ...change(JSON.parse(text ?? "")) }));
}

const ENDS: readonly (readonly [string, string, (person: NewPerson) => Promise<unknown>])[] = [
  ["its session was ended", "SESSION_ENDED", ({ client, session }) => client.account.revokeSession(session)],
  ["its user was disabled", "SESSION_ENDED", async ({ userId }) => (await admin()).disableUser({ userId })],
  [
    "its password was set anew",
    "SESSION_ENDED",
    async ({ userId }) => (await admin()).setUserPassword({ userId, password: "brand new kites" }),
  ],
  [
    "its refresh token was stolen and used",
    "REFRESH_TOKEN_REUSED",
    async ({ store }) => {
      const thief = await refresh(app, await refreshTokenOf(store));
      await refresh(app, thief.refreshToken);
      app.clock.advance(GRACE_MS);
    },
  ],
  ["it was not used for too long", "REFRESH_TOKEN_EXPIRED", async () => app.clock.advance(15 * DAY_MS)],
  [
    "its refresh token is none",
    "REFRESH_TOKEN_INVALID",
    ({ store }) => spoil(store, ({ refreshToken }) => ({ refreshToken: `${refreshToken}x` })),
  ],
];

describe.each(ENDS)("A client learns that %s", (_name, reason, end) => {
  it(`from sixteen calls at once, and is signed out once, because of ${reason}`, async () => {
    const person = await newPerson();
    await end(person);
    app.clock.advance(LIFE_MS);
    const calls = Array.from({ length: 16 }, () => refusalOf(person.client.account.getAccount({})));
    const refusals = await Promise.all(calls);
    expect(new Set(refusals.map((refusal) => refusal.reason))).toEqual(new Set([reason]));
    expect(refusals[0]?.nextStep).toBe("NEXT_STEP_LOG_IN");
    expect(person.wire.sent("Refresh")).toHaveLength(1);
    expect(await person.client.session()).toBeNull();
    expect(await person.store.read()).toBeNull();
    expect((await refusalOf(person.client.account.getAccount({}))).reason).toBe("TOKEN_MISSING");
    expect(person.changes).toEqual([`signed-out ${person.username}: ${reason}`]);
  });
});

describe("A client", () => {
  it("asks Sallyport before it believes a call that the session is over, and is told why", async () => {
    const { client, session, wire, username, changes } = await newPerson();
    await client.account.revokeSession({ sessionId: session.sessionId });
    expect((await refusalOf(client.account.getAccount({}))).reason).toBe("SESSION_ENDED");
    expect(wire.calls.map(({ method }) => method)).toEqual(["Login", "RevokeSession", "GetAccount", "Refresh"]);
    await expect.poll(() => changes).toEqual([`signed-out ${username}: SESSION_ENDED`]);
  });

  it("does not believe somebody who says so of a session that lives, and asks once", async () => {
    const { client, session, wire } = await newPerson();
    wire.plan("GetAccount", ...Array(9).fill(refusedFor("SESSION_REVOKED", Code.Unauthenticated)));
    expect((await refusalOf(client.account.getAccount({}))).reason).toBe("SESSION_REVOKED");
    for (let calls = 0; calls < 5; calls += 1)
      expect((await refusalOf(client.account.getAccount({}))).reason).toBe("SESSION_REVOKED");
    expect(wire.sent("Refresh")).toHaveLength(1);
    expect((await client.session())?.sessionId).toBe(session.sessionId);
    // Some seconds later it may ask again.
    wire.heal();
    wire.plan("GetAccount", refusedFor("SESSION_REVOKED", Code.Unauthenticated));
    app.clock.advance(5_000);
    expect((await client.account.getAccount({})).user?.id).toBe(session.user.id);
    expect(wire.sent("Refresh")).toHaveLength(2);
  });

  it("that was told of the end of an older token keeps the newer one that is stored meanwhile", async () => {
    const profile = createProfile();
    const person = await newPerson(profile.openTab({ locks: null }));
    const { client: tab } = clientOn(app, { store: profile.openTab({ locks: null }) });
    app.clock.advance(LIFE_MS);
    person.wire.plan("Refresh", {
      async before(signal) {
        await tab.refresh();
        await refusedFor("REFRESH_TOKEN_INVALID", Code.Unauthenticated).before?.(signal);
      },
    });
    expect((await person.client.account.getAccount({})).user?.id).toBe(person.userId);
    expect(generationOf(await refreshTokenOf(person.store))).toBe(2);
    expect(person.changes.filter((change) => change.startsWith("signed-out"))).toEqual([]);
  });

  it("that was told of the end of an older session keeps the one that began meanwhile, and calls for nobody else", async () => {
    const profile = createProfile();
    const person = await newPerson(profile.openTab({ locks: null }));
    const other = await newPerson();
    const { client: tab } = clientOn(app, { store: profile.openTab({ locks: null }) });
    app.clock.advance(LIFE_MS);
    person.wire.plan("Refresh", {
      async before() {
        await tab.login(other.credentials);
        await refusedFor("SESSION_ENDED", Code.Unauthenticated).before?.(new AbortController().signal);
      },
    });
    const refusal = await refusalOf(person.client.account.getAccount({}));
    expect(refusal).toMatchObject({
      code: "FailedPrecondition",
      message: expect.stringContaining("another session began"),
    });
    expect(person.wire.sent("GetAccount")).toEqual([]);
    expect((await person.client.session())?.user.username).toBe(other.username);
  });

  it("never sends a call again with the token of somebody who signed in meanwhile", async () => {
    const profile = createProfile();
    const person = await newPerson(profile.openTab());
    const other = await newPerson();
    const { client: tab } = clientOn(app, { store: profile.openTab() });
    person.wire.plan("GetAccount", {
      async before(signal) {
        await tab.login(other.credentials);
        await refusedFor("TOKEN_EXPIRED", Code.Unauthenticated).before?.(signal);
      },
    });
    expect((await refusalOf(person.client.account.getAccount({}))).reason).toBe("TOKEN_EXPIRED");
    expect(person.wire.sent("GetAccount")).toHaveLength(1);
    expect((await person.client.account.getAccount({})).user?.id).toBe(other.userId);
  });

  it("tells nothing to a listener that has left", async () => {
    const { client, changes, username } = await newPerson();
    const heard: string[] = [];
    const leave = client.onChange(({ kind }) => void heard.push(kind));
    leave();
    await client.logout();
    await expect.poll(() => changes).toEqual([`signed-out ${username}: LOGGED_OUT`]);
    expect(heard).toEqual([]);
  });
});

describe("A database that was put back in time", () => {
  it("ends the session under its own name", async () => {
    const person = await newPerson();
    const { refreshToken } = await refresh(app, await refreshTokenOf(person.store));
    await app.beside(({ store }) =>
      store.write((tx) =>
        tx.db.updateTable("sessions").set({ generation: 1 }).where("id", "=", person.session.sessionId).execute(),
      ),
    );
    await spoil(person.store, () => ({ refreshToken }));
    expect((await refusalOf(person.client.refresh())).reason).toBe("REFRESH_TOKEN_FROM_FUTURE");
    await expect.poll(() => person.changes).toEqual([`signed-out ${person.username}: REFRESH_TOKEN_FROM_FUTURE`]);
  });
});
