import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { logIn, type Person, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refresh, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { auditOf } from "../support/rows.ts";

const NOBODY = "usr_01890000-0000-7000-8000-000000000000";
const NO_SESSION = "ses_01890000-0000-7000-8000-000000000000";

let app: TestApp;
/** May end sessions, and nothing else. */
let support: Person;

beforeAll(async () => {
  app = await startApp();
  const root = await welcomeAdmin(app);
  await root.admin.setRole({ name: "support", permissions: ["sessions:*"] });
  const userId = await signUp(app, "support");
  await root.admin.setUserRoles({ userId, roles: ["support"] });
  support = await logIn(app, "support");
});
afterAll(() => app.close());

describe("ListUserSessions", () => {
  it("shows the live sessions of a user page by page, the newest first, none of them as the caller's own", async () => {
    const [first, second] = [await welcome(app, "many"), await logIn(app, "many")];
    const ended = await logIn(app, "many");
    await ended.auth.logout({});
    const { userId } = first;
    const page = await support.admin.listUserSessions({ userId, pageSize: 1 });
    const rest = await support.admin.listUserSessions({ userId, pageToken: page.nextPageToken });
    const shown = [...page.sessions, ...rest.sessions];
    expect(shown.map(({ id, current }) => [id, current])).toEqual([
      [second.tokens.sessionId, false],
      [first.tokens.sessionId, false],
    ]);
    expect(rest.nextPageToken).toBe("");
  });

  it("is refused for nobody, and with a page token of another user or another listing", async () => {
    expect((await refusalOf(support.admin.listUserSessions({ userId: NOBODY }))).reason).toBe("USER_NOT_FOUND");
    const person = await welcome(app, "lister");
    await logIn(app, "lister");
    const { nextPageToken: pageToken } = await support.admin.listUserSessions({ userId: person.userId, pageSize: 1 });
    const elsewhere = support.admin.listUserSessions({ userId: support.userId, pageToken });
    expect((await refusalOf(elsewhere)).reason).toBe("PAGE_TOKEN_INVALID");
    expect((await refusalOf(person.account.listSessions({ pageToken }))).reason).toBe("PAGE_TOKEN_INVALID");
  });
});

describe("RevokeUserSession", () => {
  it("ends the one session at once, and the trail says who did", async () => {
    const [first, second] = [await welcome(app, "one-of-two"), await logIn(app, "one-of-two")];
    const { sessionId, accessToken, refreshToken } = first.tokens;
    const { revision } = await support.admin.revokeUserSession({ sessionId });
    expect(revision?.number).toBeGreaterThan(0n);
    expect(await verdictOn(app, accessToken)).toBe("SESSION_REVOKED, LOG_IN");
    expect((await refusalOf(refresh(app, refreshToken))).reason).toBe("SESSION_ENDED");
    expect(await verdictOn(app, second.tokens.accessToken)).toBe("GRANTED");
    expect((await auditOf(app, sessionId)).at(-1)).toMatchObject({ kind: "session_revoked", actor: support.userId });
  });

  it("succeeds for a session that is over, and is refused for one that never was", async () => {
    const { tokens, auth } = await welcome(app, "gone");
    await auth.logout({});
    const { sessionId } = tokens;
    const first = await support.admin.revokeUserSession({ sessionId });
    expect((await support.admin.revokeUserSession({ sessionId })).revision).toEqual(first.revision);
    const refusal = await refusalOf(support.admin.revokeUserSession({ sessionId: NO_SESSION }));
    expect(refusal).toMatchObject({ code: "NotFound", reason: "SESSION_NOT_FOUND" });
  });
});

describe("RevokeAllUserSessions", () => {
  it("ends every session of the user and of nobody else; the user may log in again", async () => {
    const [first, second] = [await welcome(app, "both"), await logIn(app, "both")];
    const stranger = await welcome(app, "bystander");
    const { userId } = first;
    expect((await support.admin.revokeAllUserSessions({ userId })).endedCount).toBe(2);
    for (const { tokens } of [first, second]) {
      expect(await verdictOn(app, tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
    }
    expect(await verdictOn(app, stranger.tokens.accessToken)).toBe("GRANTED");
    expect((await support.admin.revokeAllUserSessions({ userId })).endedCount).toBe(0);
    expect((await logIn(app, "both")).userId).toBe(userId);
  });

  it("is refused for nobody", async () => {
    const refusal = await refusalOf(support.admin.revokeAllUserSessions({ userId: NOBODY }));
    expect(refusal).toMatchObject({ code: "NotFound", reason: "USER_NOT_FOUND" });
  });
});
