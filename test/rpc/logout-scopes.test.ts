import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LogoutScope } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, type Person, signUp, welcome } from "../support/people.ts";
import { refresh, refreshChain, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { auditOf, changeSession } from "../support/rows.ts";

const { OTHERS, ALL, SESSION, UNSPECIFIED } = LogoutScope;

let app: TestApp;
let count = 0;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "3600" } });
});
afterAll(() => app.close());

/** A new user with three sessions, and a stranger with one. */
async function people() {
  count += 1;
  const username = `user${count}`;
  await signUp(app, username);
  const [own, phone, tablet] = [await logIn(app, username), await logIn(app, username), await logIn(app, username)];
  return { own, phone, tablet, stranger: await welcome(app, `stranger${count}`) };
}

/** Which of the sessions are alive. */
async function alive(...sessions: readonly Person[]): Promise<readonly boolean[]> {
  const verdicts = await Promise.all(sessions.map(({ tokens }) => verdictOn(app, tokens.accessToken)));
  expect(verdicts.filter((verdict) => !["GRANTED", "SESSION_REVOKED, LOG_IN"].includes(verdict))).toEqual([]);
  return verdicts.map((verdict) => verdict === "GRANTED");
}

function logoutBy(refreshToken: string, scope: LogoutScope) {
  return clientsOf(app.url).auth.logout({ refreshToken, scope });
}

describe("A logout of one session", () => {
  it.each([UNSPECIFIED, SESSION])("is what scope %i means", async (scope) => {
    const { own, phone, tablet, stranger } = await people();
    await logoutBy(own.tokens.refreshToken, scope);
    expect(await alive(own, phone, tablet, stranger)).toEqual([false, true, true, true]);
  });
});

describe("A logout of all other sessions", () => {
  it("by the access token leaves this one and everybody else's", async () => {
    const { own, phone, tablet, stranger } = await people();
    await own.auth.logout({ scope: OTHERS });
    expect(await alive(own, phone, tablet, stranger)).toEqual([true, false, false, true]);
    expect((await refusalOf(refresh(app, phone.tokens.refreshToken))).reason).toBe("SESSION_ENDED");
  });

  it("by the current refresh token leaves this one and everybody else's", async () => {
    const { own, phone, tablet, stranger } = await people();
    const [, current = ""] = await refreshChain(app, own.tokens.refreshToken, 1);
    await logoutBy(current, OTHERS);
    expect(await alive(own, phone, tablet, stranger)).toEqual([true, false, false, true]);
  });

  it("can be repeated, and tells a revision each time", async () => {
    const { own } = await people();
    const first = await own.auth.logout({ scope: OTHERS });
    const second = await own.auth.logout({ scope: OTHERS });
    expect(second.revision?.number).toBeGreaterThanOrEqual(first.revision?.number ?? 0n);
  });

  it("is on record with how many they were", async () => {
    const { own } = await people();
    await own.auth.logout({ scope: OTHERS });
    const [, logout] = await auditOf(app, own.tokens.sessionId);
    expect(logout).toMatchObject({ kind: "logout", userId: own.userId, actor: own.userId });
    expect(logout?.details).toEqual({ scope: "OTHERS", sessions: 2 });
  });
});

describe("A logout of all sessions", () => {
  it("by the access token leaves only everybody else's", async () => {
    const { own, phone, tablet, stranger } = await people();
    await own.auth.logout({ scope: ALL });
    expect(await alive(own, phone, tablet, stranger)).toEqual([false, false, false, true]);
  });

  it("by the current refresh token leaves only everybody else's, and can be repeated", async () => {
    const { own, phone, tablet, stranger } = await people();
    await logoutBy(own.tokens.refreshToken, ALL);
    expect(await alive(own, phone, tablet, stranger)).toEqual([false, false, false, true]);
    const again = await logoutBy(own.tokens.refreshToken, ALL);
    expect(again.revision?.number).toBeGreaterThan(0n);
  });

  it("counts every one of them in the revision", async () => {
    const { own } = await people();
    const before = (await own.auth.authorize({ accessToken: own.tokens.accessToken })).revision?.number ?? 0n;
    expect((await own.auth.logout({ scope: ALL })).revision?.number).toBe(before + 3n);
  });
});

describe.each([
  ["all other sessions", OTHERS],
  ["all sessions", ALL],
])("A logout of %s is refused, and ends nothing,", (_what, scope) => {
  it("by a refresh token that was superseded", async () => {
    const { own, phone, tablet } = await people();
    const [old = "", middle = ""] = await refreshChain(app, own.tokens.refreshToken, 2);
    for (const refreshToken of [old, middle]) {
      const refusal = await refusalOf(logoutBy(refreshToken, scope));
      expect(refusal).toMatchObject({ code: "Aborted", reason: "REFRESH_TOKEN_SUPERSEDED" });
    }
    expect(await alive(own, phone, tablet)).toEqual([true, true, true]);
  });

  it("by a refresh token that was superseded long ago, which does not count as reuse", async () => {
    const { own, phone, tablet } = await people();
    await refreshChain(app, own.tokens.refreshToken, 2);
    app.clock.advance(60_000);
    expect((await refusalOf(logoutBy(own.tokens.refreshToken, scope))).reason).toBe("REFRESH_TOKEN_SUPERSEDED");
    expect(await alive(own, phone, tablet)).toEqual([true, true, true]);
  });

  it("by a refresh token that has expired", async () => {
    const { own } = await people();
    app.clock.advance(3_000_000);
    const phone = await logIn(app, own.tokens.user?.username ?? "");
    app.clock.advance(600_000 - 1000);
    const tablet = await logIn(app, own.tokens.user?.username ?? "");
    app.clock.advance(1000);
    expect((await refusalOf(logoutBy(own.tokens.refreshToken, scope))).reason).toBe("REFRESH_TOKEN_EXPIRED");
    expect(await alive(tablet)).toEqual([true]);
    expect((await refresh(app, phone.tokens.refreshToken)).sessionId).toBe(phone.tokens.sessionId);
  });

  it("by a refresh token from the future", async () => {
    const { own, phone, tablet } = await people();
    const [, current = ""] = await refreshChain(app, own.tokens.refreshToken, 1);
    await changeSession(app, own.tokens.sessionId, { generation: 1 });
    const refusal = await refusalOf(logoutBy(current, scope));
    expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "REFRESH_TOKEN_FROM_FUTURE" });
    expect(await alive(own, phone, tablet)).toEqual([true, true, true]);
  });

  it("by any token of a session that is over", async () => {
    const { own, phone, tablet } = await people();
    await own.auth.logout({});
    expect((await refusalOf(logoutBy(own.tokens.refreshToken, scope))).reason).toBe("SESSION_ENDED");
    expect((await refusalOf(own.auth.logout({ scope }))).reason).toBe("SESSION_ENDED");
    expect(await alive(own, phone, tablet)).toEqual([false, true, true]);
  });
});
