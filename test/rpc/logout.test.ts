import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { logIn, type Person, signUp, welcome } from "../support/people.ts";
import { refresh, refreshChain, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { auditOf, changeUser, deleteUser, sessionRow } from "../support/rows.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "3600" } });
  await signUp(app, "alice");
});
afterAll(() => app.close());

const newPerson = () => logIn(app, "alice");

/** The session is over, for its access token and for its refresh token. */
async function expectOver({ tokens }: Person): Promise<void> {
  expect(await verdictOn(app, tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
  expect((await refusalOf(refresh(app, tokens.refreshToken))).reason).toBe("SESSION_ENDED");
  expect((await sessionRow(app, tokens.sessionId)).ended_at).not.toBeNull();
}

async function expectAlive({ tokens }: Person): Promise<void> {
  expect(await verdictOn(app, tokens.accessToken)).toBe("GRANTED");
  expect((await sessionRow(app, tokens.sessionId)).ended_at).toBeNull();
}

describe("Logout", () => {
  it.each(WIRE_FORMS)("by the refresh token ends the session at once, over $name", async ({ transport }) => {
    const person = await newPerson();
    const bystander = await newPerson();
    const { auth } = clientsOf(app.url, "", transport);
    const { revision } = await auth.logout({ refreshToken: person.tokens.refreshToken });
    expect(revision?.number).toBeGreaterThan(0n);
    await expectOver(person);
    await expectAlive(bystander);
  });

  it.each(WIRE_FORMS)("by the access token ends the session at once, over $name", async ({ transport }) => {
    const person = await newPerson();
    await clientsOf(app.url, person.tokens.accessToken, transport).auth.logout({});
    await expectOver(person);
  });

  it("takes the session of the refresh token where both are sent", async () => {
    const bearer = await newPerson();
    const named = await newPerson();
    await bearer.auth.logout({ refreshToken: named.tokens.refreshToken });
    await expectOver(named);
    await expectAlive(bearer);
  });

  it("takes any generation for its own session", async () => {
    for (const generation of [0, 1, 2, 3]) {
      const person = await newPerson();
      const chain = await refreshChain(app, person.tokens.refreshToken, 3);
      app.clock.advance(60_000);
      await clientsOf(app.url).auth.logout({ refreshToken: chain[generation] ?? "" });
      expect((await sessionRow(app, person.tokens.sessionId)).ended_at).toBe(app.clock.now());
      expect((await refusalOf(refresh(app, chain[3] ?? ""))).reason).toBe("SESSION_ENDED");
    }
  });

  it("takes a refresh token that has expired, for its own session", async () => {
    const person = await newPerson();
    app.clock.advance(3_000_000);
    const next = await refresh(app, person.tokens.refreshToken);
    app.clock.advance(3_000_000);
    await clientsOf(app.url).auth.logout({ refreshToken: person.tokens.refreshToken });
    expect((await refusalOf(refresh(app, next.refreshToken))).reason).toBe("SESSION_ENDED");
  });

  it("succeeds as often as it is tried, and tells a revision that knows", async () => {
    const { tokens, auth } = await newPerson();
    const first = await auth.logout({});
    const second = await auth.logout({});
    const third = await clientsOf(app.url).auth.logout({ refreshToken: tokens.refreshToken });
    for (const { revision } of [second, third]) {
      expect(revision?.logId).toBe(first.revision?.logId);
      expect(revision?.number).toBeGreaterThanOrEqual(first.revision?.number ?? 0n);
    }
    expect((await auditOf(app, tokens.sessionId)).filter(({ kind }) => kind === "logout")).toHaveLength(1);
  });

  it("succeeds for sixteen at once, ending the session once", async () => {
    const { tokens, auth } = await newPerson();
    const answers = await Promise.all(Array.from({ length: 16 }, () => auth.logout({})));
    expect(answers.every(({ revision }) => (revision?.number ?? 0n) > 0n)).toBe(true);
    expect((await auditOf(app, tokens.sessionId)).filter(({ kind }) => kind === "logout")).toHaveLength(1);
  });

  it("succeeds for a session that is not there any more", async () => {
    const { tokens, userId } = await welcome(app, "forgotten");
    await deleteUser(app, userId);
    const { revision } = await clientsOf(app.url).auth.logout({ refreshToken: tokens.refreshToken });
    expect(revision?.logId).not.toBe("");
  });

  it("is open to a disabled user", async () => {
    const person = await welcome(app, "punished");
    await changeUser(app, person.userId, { state: "disabled" });
    await clientsOf(app.url).auth.logout({ refreshToken: person.tokens.refreshToken });
    expect(await verdictOn(app, person.tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
  });

  it("is open to who holds an access token from before a change of roles", async () => {
    const person = await welcome(app, "demoted");
    await app.beside((core) => core.assignRoles(person.userId, [], null));
    await person.auth.logout({});
    expect((await refusalOf(refresh(app, person.tokens.refreshToken))).reason).toBe("SESSION_ENDED");
  });

  it("raises the revision, which every instance can be made to wait for", async () => {
    const second = await startApp({ dataDir: app.dataDir, clock: app.clock });
    try {
      const { tokens, auth } = await newPerson();
      const { accessToken } = tokens;
      const before = (await auth.authorize({ accessToken })).revision;
      const { revision } = await auth.logout({});
      expect(revision?.logId).toBe(before?.logId);
      expect(revision?.number).toBe((before?.number ?? 0n) + 1n);
      const asked = { accessToken, ...(revision && { minRevision: revision }) };
      const answer = await clientsOf(second.url).auth.authorize(asked);
      expect(verdictOf(answer)).toBe("SESSION_REVOKED, LOG_IN");
      expect(answer.revision?.number).toBeGreaterThanOrEqual(revision?.number ?? 0n);
    } finally {
      await second.close();
    }
  });

  it("is refused without any token", async () => {
    expect(await refusalOf(clientsOf(app.url).auth.logout({}))).toMatchObject({
      code: "Unauthenticated",
      reason: "TOKEN_MISSING",
    });
  });

  it("is refused with an access token that has expired, though its session has not", async () => {
    const person = await newPerson();
    app.clock.advance(600_000);
    const refusal = await refusalOf(person.auth.logout({}));
    expect(refusal).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_EXPIRED", nextStep: "NEXT_STEP_REFRESH" });
    expect((await refresh(app, person.tokens.refreshToken)).sessionId).toBe(person.tokens.sessionId);
  });

  it("is refused with a token of the wrong kind, and ends nothing", async () => {
    const person = await newPerson();
    const { accessToken, refreshToken } = person.tokens;
    const swapped = await refusalOf(clientsOf(app.url).auth.logout({ refreshToken: accessToken }));
    expect(swapped).toMatchObject({ code: "Unauthenticated", reason: "REFRESH_TOKEN_INVALID" });
    expect((await refusalOf(clientsOf(app.url, refreshToken).auth.logout({}))).reason).toBe("TOKEN_INVALID");
    await expectAlive(person);
  });

  it("is refused with a refresh token that does not check out, even beside a good access token", async () => {
    const person = await newPerson();
    const refusal = await refusalOf(person.auth.logout({ refreshToken: `${person.tokens.refreshToken}x` }));
    expect(refusal.reason).toBe("REFRESH_TOKEN_INVALID");
    await expectAlive(person);
  });
});
