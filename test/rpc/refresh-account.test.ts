import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, signUp, welcome } from "../support/people.ts";
import { generationOf, refresh, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { changeUser, deleteUser, sessionRow } from "../support/rows.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_AUDIENCES: "sallyport,orders,billing" } });
  await signUp(app, "alice");
});
afterAll(() => app.close());

/** Asks for tokens for some of the session's audiences. */
function refreshFor(refreshToken: string, audiences: string[]) {
  return clientsOf(app.url).auth.refresh({ refreshToken, audiences });
}

describe("A refresh looks at the account again, and", () => {
  it("refuses a disabled user without using the token up", async () => {
    const { tokens, userId } = await welcome(app, "punished");
    await changeUser(app, userId, { state: "disabled" });
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({
      code: "Unauthenticated",
      reason: "SESSION_ENDED",
    });
    await changeUser(app, userId, { state: "active" });
    app.clock.advance(60_000);
    expect(generationOf((await refresh(app, tokens.refreshToken)).refreshToken)).toBe(2);
  });

  it("refuses a user who is gone", async () => {
    const { tokens, userId } = await welcome(app, "departed");
    await deleteUser(app, userId);
    expect((await refusalOf(refresh(app, tokens.refreshToken))).reason).toBe("SESSION_ENDED");
  });

  it("puts the present roles and the present epoch into the next token", async () => {
    const { tokens, userId } = await welcome(app, "promoted");
    await app.beside(async (core) => {
      await core.roleDefinitions.set("clerk", ["orders:read"], null);
      await core.assignRoles(userId, ["user", "clerk"], null);
    });
    const next = await refresh(app, tokens.refreshToken);
    expect(next.user?.roles).toEqual(["clerk", "user"]);
    expect(decodeJwt(next.accessToken)).toMatchObject({ roles: ["clerk", "user"], epoch: 2 });
    expect(await verdictOn(app, next.accessToken)).toBe("GRANTED");
    await app.beside((core) => core.assignRoles(userId, [], null));
    const last = await refresh(app, next.refreshToken);
    expect(decodeJwt(last.accessToken)).toMatchObject({ roles: [], epoch: 3 });
  });

  it("puts them into an answer that is repeated, too", async () => {
    const { tokens, userId } = await welcome(app, "demoted");
    const next = await refresh(app, tokens.refreshToken);
    await app.beside((core) => core.assignRoles(userId, [], null));
    const again = await refresh(app, tokens.refreshToken);
    expect(again.refreshToken).toBe(next.refreshToken);
    expect(decodeJwt(again.accessToken)).toMatchObject({ roles: [], epoch: 2 });
    expect(await verdictOn(app, again.accessToken)).toBe("GRANTED");
  });

  it("tells the name that the user has now", async () => {
    const { tokens, userId } = await welcome(app, "maiden");
    await changeUser(app, userId, { username: "married" });
    const next = await refresh(app, tokens.refreshToken);
    expect(next.user?.username).toBe("married");
    expect(decodeJwt(next.accessToken)).toMatchObject({ sub: userId, preferred_username: "married" });
  });
});

describe("The audiences of a refresh", () => {
  it("may be fewer for the next access token, and are all there again afterwards", async () => {
    const { tokens } = await logIn(app, "alice", ["sallyport", "orders", "billing"]);
    const narrow = await refreshFor(tokens.refreshToken, ["orders"]);
    expect(decodeJwt(narrow.accessToken).aud).toEqual(["orders"]);
    const whole = await refreshFor(narrow.refreshToken, []);
    expect(decodeJwt(whole.accessToken).aud).toEqual(["sallyport", "orders", "billing"]);
  });

  it("may differ between two answers with the same successor", async () => {
    const { tokens } = await logIn(app, "alice", ["orders", "billing"]);
    const [one, two] = await Promise.all([
      refreshFor(tokens.refreshToken, ["orders"]),
      refreshFor(tokens.refreshToken, ["billing"]),
    ]);
    expect(one.refreshToken).toBe(two.refreshToken);
    expect([decodeJwt(one.accessToken).aud, decodeJwt(two.accessToken).aud]).toEqual([["orders"], ["billing"]]);
  });

  it.each([
    ["more than the session's", ["orders", "billing"]],
    ["others than the session's", ["sallyport"]],
    ["nobody's", ["nowhere"]],
  ])("are refused if they are %s, and the token is not used up", async (_what, audiences) => {
    const { tokens } = await logIn(app, "alice", ["orders"]);
    for (let times = 0; times < 2; times += 1) {
      const refusal = await refusalOf(refreshFor(tokens.refreshToken, audiences));
      expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "AUDIENCE_UNKNOWN", fields: ["audiences"] });
    }
    expect((await sessionRow(app, tokens.sessionId)).generation).toBe(1);
    app.clock.advance(60_000);
    expect(generationOf((await refreshFor(tokens.refreshToken, ["orders"])).refreshToken)).toBe(2);
  });

  it("do not shield a stolen token by being wrong", async () => {
    const { tokens } = await logIn(app, "alice", ["orders"]);
    await refresh(app, tokens.refreshToken);
    app.clock.advance(30_000);
    expect((await refusalOf(refreshFor(tokens.refreshToken, ["nowhere"]))).reason).toBe("REFRESH_TOKEN_REUSED");
    expect((await sessionRow(app, tokens.sessionId)).ended_at).not.toBeNull();
  });
});
