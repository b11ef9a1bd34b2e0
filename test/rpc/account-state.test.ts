import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, type Person, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/** What `Authorize` says of the access token that the person holds. */
async function verdictOn({ tokens }: Person): Promise<string> {
  return verdictOf(await clientsOf(app.url).auth.authorize({ accessToken: tokens.accessToken }));
}

/** Why the person's refresh token is refused. */
async function refusedRefresh({ tokens }: Person): Promise<string | null> {
  const { refreshToken } = tokens;
  return (await refusalOf(clientsOf(app.url).auth.refresh({ refreshToken }))).reason;
}

describe("A new password", () => {
  it("ends every session, and is the only one from then on", async () => {
    const first = await welcome(app, "forgetful");
    const second = await logIn(app, "forgetful");
    await app.beside((core) => core.accountState.setPassword(first.userId, "a password to remember", null));
    for (const person of [first, second]) {
      await eventually(() => verdictOn(person)).toBe("SESSION_REVOKED, LOG_IN");
      expect(await refusedRefresh(person)).toBe("SESSION_ENDED");
    }
    expect((await refusalOf(logIn(app, "forgetful"))).reason).toBe("CREDENTIALS_INVALID");
    const { auth } = clientsOf(app.url);
    const { user } = await auth.login({ identifier: "forgetful", password: "a password to remember" });
    expect(user?.id).toBe(first.userId);
  });

  it("is held to the same rules as at signup, and changes nothing when it is refused", async () => {
    const person = await welcome(app, "careless");
    for (const password of ["short", "password123", "careless"]) {
      await app.beside((core) =>
        expect(core.accountState.setPassword(person.userId, password, null)).rejects.toMatchObject({ name: "Refusal" }),
      );
    }
    expect(await verdictOn(person)).toBe("GRANTED");
  });
});

describe("A user who is disabled", () => {
  it("is out at once, and being enabled again revives nothing", async () => {
    const person = await welcome(app, "suspended");
    await app.beside((core) => core.accountState.disable(person.userId, null));
    await eventually(() => verdictOn(person)).toBe("SESSION_REVOKED, LOG_IN");
    expect((await refusalOf(logIn(app, "suspended"))).reason).toBe("CREDENTIALS_INVALID");

    await app.beside((core) => core.accountState.enable(person.userId, null));
    expect(await verdictOn(person)).toBe("SESSION_REVOKED, LOG_IN");
    expect(await refusedRefresh(person)).toBe("SESSION_ENDED");
    expect((await logIn(app, "suspended")).userId).toBe(person.userId);
  });

  it("is never the last administrator", async () => {
    const root = await welcomeAdmin(app, "keeper");
    await app.beside((core) =>
      expect(core.accountState.disable(root.userId, null)).rejects.toMatchObject({ reason: "LAST_ADMIN" }),
    );
    await welcomeAdmin(app, "successor");
    await app.beside((core) => core.accountState.disable(root.userId, null));
    await eventually(() => verdictOn(root)).toBe("SESSION_REVOKED, LOG_IN");
  });

  it("is somebody", async () => {
    await app.beside(async ({ accountState }) => {
      for (const change of [accountState.disable, accountState.enable]) {
        await expect(change("usr_nobody", null)).rejects.toMatchObject({ reason: "USER_NOT_FOUND" });
      }
    });
  });
});

describe("A database that is declared restored", () => {
  it("lets no token live that was issued before, begins another log, and lets everybody log in", async () => {
    const person = await welcome(app, "survivor");
    const { revision: minRevision } = await clientsOf(app.url).auth.authorize({});
    const { logId } = await app.beside((core) => core.declareRestored());
    expect(logId).not.toBe(minRevision?.logId);
    await eventually(() => verdictOn(person)).toBe("TOKEN_INVALID, LOG_IN");
    expect(await refusedRefresh(person)).toBe("SESSION_ENDED");
    if (minRevision === undefined) throw new Error("an answer without a revision");
    expect((await refusalOf(clientsOf(app.url).auth.authorize({ minRevision }))).reason).toBe("REVISION_UNKNOWN");
    expect(await verdictOn(await logIn(app, "survivor"))).toBe("GRANTED");
  });
});
