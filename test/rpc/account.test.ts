import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../gen/sallyport/auth/v1/session_pb.ts";
import { UserState } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { logIn, type Person, passwordOf, signUp, welcome } from "../support/people.ts";
import { refresh } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { changeUser, deleteUser } from "../support/rows.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "3600" } });
});
afterAll(() => app.close());

describe("GetAccount", () => {
  it.each(WIRE_FORMS)("shows the caller's account over $name", async ({ name, transport }) => {
    const username = name.toLowerCase().replace(/[^a-z0-9]/g, "");
    const { tokens, userId } = await welcome(app, username);
    const { user } = await clientsOf(app.url, tokens.accessToken, transport).account.getAccount({});
    expect(user).toMatchObject({ id: userId, username, roles: ["user"], state: UserState.ACTIVE });
    expect(user?.createTime && timestampMs(user.createTime)).toBe(app.clock.now());
  });

  it("shows what the database has now, not what the token says", async () => {
    const { account, userId } = await welcome(app, "verified");
    await changeUser(app, userId, { email: "verified@example.com", email_verified: 1 });
    expect((await account.getAccount({})).user).toMatchObject({ email: "verified@example.com", emailVerified: true });
  });

  it("is refused to who is not there any more", async () => {
    const { account, userId } = await welcome(app, "departed");
    await deleteUser(app, userId);
    expect(await refusalOf(account.getAccount({}))).toMatchObject({
      code: "Unauthenticated",
      reason: "SESSION_REVOKED",
    });
  });
});

/** All pages of the caller's sessions, each of `pageSize`. */
async function sessionsOf({ account }: Pick<Person, "account">, pageSize: number): Promise<readonly Session[][]> {
  const pages: Session[][] = [];
  let pageToken = "";
  do {
    const page = await account.listSessions({ pageSize, pageToken });
    pages.push(page.sessions);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return pages;
}

describe("ListSessions", () => {
  it("shows what is known of a session, and which one asks", async () => {
    await signUp(app, "reader");
    const { auth } = clientsOf(app.url);
    const start = app.clock.now();
    const tokens = await auth.login({
      identifier: "reader",
      password: passwordOf("reader"),
      audiences: ["sallyport", "orders"],
      deviceName: "Téléphone 📱",
    });
    app.clock.advance(5_000);
    await refresh(app, tokens.refreshToken);
    const { account, tokens: later } = await logIn(app, "reader");
    const { sessions, nextPageToken } = await account.listSessions({});
    expect(nextPageToken).toBe("");
    expect(sessions.map(({ id, current }) => [id, current])).toEqual([
      [later.sessionId, true],
      [tokens.sessionId, false],
    ]);
    const { authTime, lastRefreshTime, idleExpireTime, absoluteExpireTime, ...rest } = sessions[1] ?? {};
    expect(rest).toMatchObject({ deviceName: "Téléphone 📱", audiences: ["sallyport", "orders"] });
    const times = [authTime, lastRefreshTime, idleExpireTime, absoluteExpireTime];
    const days = 90 * 86_400_000;
    expect(times.map((time) => time && timestampMs(time) - start)).toEqual([0, 5_000, 3_605_000, days]);
  });

  it("hands out every session once, page by page, the newest first", async () => {
    await signUp(app, "collector");
    const ids: string[] = [];
    for (let times = 0; times < 7; times += 1) ids.push((await logIn(app, "collector")).tokens.sessionId);
    const person = await logIn(app, "collector");
    const expected = [...ids, person.tokens.sessionId].sort().reverse();
    for (const size of [1, 3, 4, 8, 100]) {
      const pages = await sessionsOf(person, size);
      expect(pages.flat().map(({ id }) => id)).toEqual(expected);
      expect(pages).toHaveLength(Math.ceil(8 / size));
    }
  });

  it("leaves out what is ended, what has expired, and what is somebody else's", async () => {
    await signUp(app, "tidy");
    await welcome(app, "untidy");
    const expiring = await logIn(app, "tidy");
    app.clock.advance(3_000_000);
    const [ended, kept] = [await logIn(app, "tidy"), await logIn(app, "tidy")];
    await ended.auth.logout({});
    app.clock.advance(600_000 - 1);
    const asking = await logIn(app, "tidy");
    const idsNow = async () => (await sessionsOf(asking, 50)).flat().map(({ id }) => id);
    const living = [asking, kept].map(({ tokens }) => tokens.sessionId);
    expect(await idsNow()).toEqual([...living, expiring.tokens.sessionId]);
    app.clock.advance(1);
    expect(await idsNow()).toEqual(living);
  });

  it("refuses a page token of somebody else's listing", async () => {
    const [one, two] = [await welcome(app, "pager1"), await welcome(app, "pager2")];
    await logIn(app, "pager1");
    const { nextPageToken } = await one.account.listSessions({ pageSize: 1 });
    expect(nextPageToken).not.toBe("");
    const refusal = await refusalOf(two.account.listSessions({ pageSize: 1, pageToken: nextPageToken }));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID" });
  });
});

describe("RevokeSession", () => {
  it("ends another session of the caller at once, and succeeds a second time", async () => {
    const phone = await welcome(app, "owner");
    const laptop = await logIn(app, "owner");
    const { sessionId, accessToken } = phone.tokens;
    const first = await laptop.account.revokeSession({ sessionId });
    expect((await refusalOf(phone.account.getAccount({}))).reason).toBe("SESSION_REVOKED");
    expect((await refusalOf(refresh(app, phone.tokens.refreshToken))).reason).toBe("SESSION_ENDED");
    const second = await laptop.account.revokeSession({ sessionId });
    expect(second.revision?.number).toBeGreaterThanOrEqual(first.revision?.number ?? 0n);
    const answer = await laptop.auth.authorize({ accessToken, ...(first.revision && { minRevision: first.revision }) });
    expect(answer.decision.case).toBe("denied");
    expect((await laptop.account.getAccount({})).user?.username).toBe("owner");
  });

  it("ends the caller's own session", async () => {
    const { account, tokens } = await welcome(app, "quitter");
    await account.revokeSession({ sessionId: tokens.sessionId });
    expect((await refusalOf(account.listSessions({}))).reason).toBe("SESSION_REVOKED");
  });

  it("finds neither what is somebody else's nor what is nobody's, and says the same of both", async () => {
    const [owner, thief] = [await welcome(app, "holder"), await welcome(app, "thief")];
    const { sessionId } = owner.tokens;
    const others = await refusalOf(thief.account.revokeSession({ sessionId }));
    expect(others).toMatchObject({ code: "NotFound", reason: "SESSION_NOT_FOUND" });
    for (const nobodys of ["ses_01890000-0000-7000-8000-000000000000", owner.userId, "x", "' or 1=1 --"]) {
      expect(await refusalOf(thief.account.revokeSession({ sessionId: nobodys }))).toEqual(others);
    }
    await owner.account.revokeSession({ sessionId });
    expect(await refusalOf(thief.account.revokeSession({ sessionId }))).toEqual(others);
  });
});
