/** Two instances on one database: revisions, races, and a database that was put back in time. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { acknowledged, expectObeyed } from "../support/obeyed.ts";
import { logIn, passwordOf, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { ENGINES, startTwoApps, type TwoApps, verdictAt } from "../support/two-apps.ts";

describe.each(ENGINES)("On %s", (engine) => {
  let apps: TwoApps;
  let first: TestApp;
  let second: TestApp;

  beforeAll(async () => {
    apps = await startTwoApps(engine);
    ({ first, second } = apps);
  });
  afterAll(() => apps.close());

  describe("With the revision of a change in hand", () => {
    it("nobody has to wait: the other instance reads up to it before it answers", async () => {
      const { tokens, auth } = await welcome(first, "ivy");
      const { revision } = await auth.logout({ refreshToken: tokens.refreshToken });
      if (revision === undefined) throw new Error("no revision");
      const answer = await clientsOf(second.url).auth.authorize({
        accessToken: tokens.accessToken,
        minRevision: revision,
      });
      expect(verdictOf(answer)).toBe("SESSION_REVOKED, LOG_IN");
      expect(answer.revision?.number).toBeGreaterThanOrEqual(revision.number);
    });

    it("a revision that nobody made is refused, at either", async () => {
      const { tokens, auth } = await welcome(first, "jon");
      const { revision } = await auth.authorize({ accessToken: tokens.accessToken });
      if (revision === undefined) throw new Error("no revision");
      for (const app of [first, second]) {
        const minRevision = { logId: revision.logId, number: revision.number + 100n };
        const question = clientsOf(app.url).auth.authorize({ accessToken: tokens.accessToken, minRevision });
        expect(await refusalOf(question)).toMatchObject({ reason: "REVISION_UNKNOWN", code: "FailedPrecondition" });
      }
    });
  });

  describe("A database that was declared restored", () => {
    it("voids everything at both instances, and both go on in the new log", async () => {
      const { first: one, second: other, close } = await startTwoApps(engine);
      onTestFinished(close);
      const { tokens, auth } = await welcome(one, "ada");
      const { revision: old } = await auth.authorize({ accessToken: tokens.accessToken });
      const { value, at } = await one.beside((core) => acknowledged(core.declareRestored()));
      for (const app of [one, other]) {
        await expectObeyed(at, async () => (await verdictAt(app, tokens.accessToken)) === "TOKEN_INVALID, LOG_IN");
        const refresh = clientsOf(app.url).auth.refresh({ refreshToken: tokens.refreshToken });
        expect(await refusalOf(refresh)).toMatchObject({ reason: "SESSION_ENDED" });
        const fresh = await logIn(app, "ada");
        const answer = await fresh.auth.authorize({ accessToken: fresh.tokens.accessToken });
        expect(answer.revision?.logId).toBe(value.logId);
        const late = fresh.auth.authorize({ accessToken: fresh.tokens.accessToken, ...(old && { minRevision: old }) });
        expect(await refusalOf(late)).toMatchObject({ reason: "REVISION_UNKNOWN" });
      }
    });
  });

  describe("Races across instances", () => {
    const atBoth = (count: number) => Array.from({ length: count }, (_, index) => (index % 2 ? first : second));

    it("sixteen refreshes with one token leave one live branch and sign nobody out", async () => {
      const { tokens } = await welcome(first, "kim");
      const { refreshToken } = tokens;
      const answers = await Promise.all(atBoth(16).map((app) => clientsOf(app.url).auth.refresh({ refreshToken })));
      expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
      for (const [index, { accessToken }] of answers.entries()) {
        expect(await verdictAt(index % 2 ? second : first, accessToken)).toBe("GRANTED");
      }
      const [{ refreshToken: next } = { refreshToken: "" }] = answers;
      const after = await clientsOf(second.url).auth.refresh({ refreshToken: next });
      expect(after.sessionId).toBe(tokens.sessionId);
    });

    it("one of many signups for a name gets it", async () => {
      const request = { username: "lou", password: passwordOf("lou") };
      const outcomes = await Promise.allSettled(atBoth(8).map((app) => clientsOf(app.url).auth.signup(request)));
      const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      expect(refused).toHaveLength(7);
      for (const reason of refused) {
        expect(await refusalOf(Promise.reject(reason))).toMatchObject({ reason: "USERNAME_TAKEN" });
      }
    });

    it("administrators who all step down at once leave one", async () => {
      const { first: app, close } = await startTwoApps(engine);
      onTestFinished(close);
      const names = ["ann", "bob", "cat", "dan"];
      const ids: string[] = [];
      for (const name of names) ids.push((await welcomeAdmin(app, name)).userId);
      const outcomes = await app.beside((one) =>
        app.beside((other) =>
          Promise.allSettled(ids.map((id, index) => (index % 2 ? one : other).assignRoles(id, ["user"], null))),
        ),
      );
      const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.reason] : []));
      expect(reasons).toEqual(["LAST_ADMIN"]);
    });

    it("a logout that races refreshes at the other instance ends the session for good", async () => {
      const { tokens } = await welcome(first, "max");
      const { refreshToken } = tokens;
      const [, ...refreshes] = await Promise.allSettled([
        clientsOf(first.url).auth.logout({ refreshToken }),
        ...Array.from({ length: 6 }, () => clientsOf(second.url).auth.refresh({ refreshToken })),
      ]);
      const issued = refreshes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      const at = performance.now();
      for (const { accessToken, refreshToken: next } of [tokens, ...issued]) {
        await expectObeyed(at, async () => (await verdictAt(second, accessToken)) === "SESSION_REVOKED, LOG_IN");
        const again = clientsOf(second.url).auth.refresh({ refreshToken: next });
        expect(await refusalOf(again)).toMatchObject({ reason: "SESSION_ENDED" });
      }
    });
  });
});
