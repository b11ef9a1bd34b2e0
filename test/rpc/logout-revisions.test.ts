import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { logIn, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

/** Two instances on one database. */
let app: TestApp;
let second: TestApp;

beforeAll(async () => {
  app = await startApp();
  second = await startApp({ dataDir: app.dataDir, clock: app.clock });
  await signUp(app, "leaver");
});
afterAll(async () => {
  await second.close();
  await app.close();
});

describe("The revision of a logout that was one already", () => {
  it("is never older than that which ended the session, on any instance", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { accessToken, refreshToken } = (await logIn(app, "leaver")).tokens;
      const ending = (await clientsOf(app.url).auth.logout({ refreshToken })).revision?.number ?? 0n;
      const { revision: minRevision } = await clientsOf(second.url).auth.logout({ refreshToken });
      if (minRevision === undefined) throw new Error("a logout answered without a revision");
      expect(minRevision.number).toBeGreaterThanOrEqual(ending);
      const answer = await clientsOf(second.url).auth.authorize({ accessToken, minRevision });
      expect(verdictOf(answer)).toBe("SESSION_REVOKED, LOG_IN");
    }
  });

  it("is the same for all that ask at once", async () => {
    const { refreshToken } = (await logIn(app, "leaver")).tokens;
    const asked = Array.from({ length: 8 }, () => clientsOf(app.url).auth.logout({ refreshToken }));
    const numbers = (await Promise.all(asked)).map(({ revision }) => revision?.number);
    expect(new Set(numbers).size).toBe(1);
  });

  it("is that of RevokeSession too", async () => {
    const doomed = await logIn(app, "leaver");
    const here = await logIn(app, "leaver");
    const { sessionId, accessToken } = doomed.tokens;
    await here.account.revokeSession({ sessionId });
    const { account, auth } = clientsOf(second.url, here.tokens.accessToken);
    const { revision: minRevision } = await account.revokeSession({ sessionId });
    if (minRevision === undefined) throw new Error("a revocation answered without a revision");
    expect(verdictOf(await auth.authorize({ accessToken, minRevision }))).toBe("SESSION_REVOKED, LOG_IN");
  });
});

describe("A logout by a session that is not even stored any more", () => {
  it("succeeds for itself, and reaches no other", async () => {
    const { refreshToken, sessionId } = (await logIn(app, "leaver")).tokens;
    await app.beside(({ store }) =>
      store.write(({ db }) => db.deleteFrom("sessions").where("id", "=", sessionId).execute()),
    );
    const { auth } = clientsOf(app.url);
    expect((await auth.logout({ refreshToken })).revision?.number).toBeGreaterThan(0n);
    expect(await refusalOf(auth.logout({ refreshToken, scope: 3 }))).toMatchObject({ reason: "SESSION_ENDED" });
  });
});
