/** Two instances on one database: what one is told, the other obeys. */
import { decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { addUser } from "../support/folder.ts";
import { acknowledged, expectObeyed } from "../support/obeyed.ts";
import { logIn, passwordOf, signUp, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { ENGINES, startTwoApps, type TwoApps, verdictAt } from "../support/two-apps.ts";

describe.each(ENGINES)("On %s", (engine) => {
  let apps: TwoApps;
  let first: TestApp;
  let second: TestApp;

  beforeAll(async () => {
    apps = await startTwoApps(engine);
    ({ first, second } = apps);
    await addUser(first.dataDir, "root", ["admin"], apps.settings);
  });
  afterAll(() => apps.close());

  const asAdmin = () => logIn(first, "root");
  const kidOf = (token: string) => decodeProtectedHeader(token).kid;

  async function publishedKids(app: TestApp): Promise<readonly string[]> {
    const text = await (await fetch(`${app.url}/.well-known/jwks.json`)).text();
    const { keys }: { readonly keys: readonly { readonly kid: string }[] } = JSON.parse(text);
    return keys.map(({ kid }) => kid);
  }

  describe("A token of one instance", () => {
    it("is good at the other, and opens its RPCs", async () => {
      const { tokens } = await welcome(first, "ada");
      expect(await verdictAt(second, tokens.accessToken)).toBe("GRANTED");
      const { user } = await clientsOf(second.url, tokens.accessToken).account.getAccount({});
      expect(user?.username).toBe("ada");
    });

    it("can be refreshed at the other, and back again", async () => {
      const { tokens } = await welcome(first, "bea");
      const once = await clientsOf(second.url).auth.refresh({ refreshToken: tokens.refreshToken });
      const twice = await clientsOf(first.url).auth.refresh({ refreshToken: once.refreshToken });
      expect(twice.sessionId).toBe(tokens.sessionId);
      expect(await verdictAt(second, twice.accessToken)).toBe("GRANTED");
    });

    it("names a page that the other goes on with", async () => {
      const { nextPageToken } = await (await asAdmin()).admin.listUsers({ pageSize: 1 });
      const { users } = await clientsOf(second.url, (await asAdmin()).tokens.accessToken).admin.listUsers({
        pageSize: 1,
        pageToken: nextPageToken,
      });
      expect(users).toHaveLength(1);
    });
  });

  describe("Within half a second the other instance obeys", () => {
    it("a logout", async () => {
      const { tokens, auth } = await welcome(first, "cyd");
      expect(await verdictAt(second, tokens.accessToken)).toBe("GRANTED");
      const { at } = await acknowledged(auth.logout({ refreshToken: tokens.refreshToken }));
      expect(await verdictAt(first, tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
      await expectObeyed(at, async () => (await verdictAt(second, tokens.accessToken)) === "SESSION_REVOKED, LOG_IN");
      expect(await refusalOf(clientsOf(second.url).auth.refresh({ refreshToken: tokens.refreshToken }))).toMatchObject({
        reason: "SESSION_ENDED",
      });
    });

    it("the end of a stolen session, when the theft is noticed", async () => {
      const { tokens, auth } = await welcome(first, "dot");
      const { accessToken } = await auth.refresh({ refreshToken: tokens.refreshToken });
      await apps.pass(31_000);
      const { at } = await acknowledged(refusalOf(auth.refresh({ refreshToken: tokens.refreshToken })));
      await expectObeyed(at, async () => (await verdictAt(second, accessToken)) === "SESSION_REVOKED, LOG_IN");
    });

    it("an assignment of roles, which voids the tokens that carry the old ones", async () => {
      const { tokens, userId } = await welcome(first, "eve");
      expect(await verdictAt(second, tokens.accessToken)).toBe("GRANTED");
      const { at } = await acknowledged((await asAdmin()).admin.setUserRoles({ userId, roles: [] }));
      expect(await verdictAt(first, tokens.accessToken)).toBe("PRIVILEGES_CHANGED, REFRESH");
      await expectObeyed(
        at,
        async () => (await verdictAt(second, tokens.accessToken)) === "PRIVILEGES_CHANGED, REFRESH",
      );
      const fresh = await clientsOf(second.url).auth.refresh({ refreshToken: tokens.refreshToken });
      expect(await verdictAt(first, fresh.accessToken)).toBe("GRANTED");
    });

    it("an assignment of roles from the command line, at both instances", async () => {
      const { tokens, userId } = await welcome(first, "fay");
      const at = await first.beside(async (core) => (await acknowledged(core.assignRoles(userId, [], null))).at);
      for (const app of [first, second]) {
        await expectObeyed(
          at,
          async () => (await verdictAt(app, tokens.accessToken)) === "PRIVILEGES_CHANGED, REFRESH",
        );
      }
    });

    it("what a role grants, and what it grants no more, for tokens that are out", async () => {
      await (await asAdmin()).admin.setRole({ name: "clerk", permissions: [] });
      const userId = await signUp(first, "gus");
      await (await asAdmin()).admin.setUserRoles({ userId, roles: ["clerk"] });
      const { tokens } = await logIn(first, "gus");
      const may = async (app: TestApp) => (await verdictAt(app, tokens.accessToken, ["orders:read"])) === "GRANTED";
      expect(await may(second)).toBe(false);
      const given = await acknowledged(
        (await asAdmin()).admin.setRole({ name: "clerk", permissions: ["orders:read"] }),
      );
      expect(await may(first)).toBe(true);
      await expectObeyed(given.at, () => may(second));
      const taken = await acknowledged(
        (await asAdmin()).admin.setRole({ name: "clerk", permissions: ["orders:write"] }),
      );
      await expectObeyed(taken.at, async () => !(await may(second)));
    });

    it("the rotation of keys: it knows the new one, signs with it, and still honours the old", async () => {
      const { tokens } = await welcome(first, "hal");
      const { value, at } = await first.beside((core) => acknowledged(core.rotateKeys(true, null)));
      for (const app of [first, second]) {
        await expectObeyed(at, async () => (await publishedKids(app)).includes(value.next));
        const fresh = await clientsOf(app.url).auth.login({ identifier: "hal", password: passwordOf("hal") });
        expect(kidOf(fresh.accessToken)).toBe(value.active);
        expect(await verdictAt(first, fresh.accessToken)).toBe("GRANTED");
        expect(await verdictAt(second, fresh.accessToken)).toBe("GRANTED");
      }
      expect(kidOf(tokens.accessToken)).toBe(value.retired);
      expect(await verdictAt(second, tokens.accessToken)).toBe("GRANTED");
    });

    it("the withdrawal of a key: tokens that it signed are void, and those of the next are good", async () => {
      const { tokens } = await welcome(first, "ian");
      const at = await first.beside(async (core) => {
        await core.withdrawKey(kidOf(tokens.accessToken) ?? "", null);
        return performance.now();
      });
      for (const app of [first, second]) {
        await expectObeyed(at, async () => (await verdictAt(app, tokens.accessToken)) === "TOKEN_INVALID, LOG_IN");
      }
      const fresh = await clientsOf(second.url).auth.refresh({ refreshToken: tokens.refreshToken });
      expect(await verdictAt(first, fresh.accessToken)).toBe("GRANTED");
    });

    it("that a user is disabled, or has a new password", async () => {
      for (const [username, change] of [
        ["jan", "disable"],
        ["jim", "setPassword"],
      ] as const) {
        const { tokens, userId } = await welcome(first, username);
        const at = await first.beside(async ({ accountState }) => {
          if (change === "disable") await accountState.disable(userId, null);
          else await accountState.setPassword(userId, "another kite, another harbour", null);
          return performance.now();
        });
        for (const app of [first, second]) {
          await expectObeyed(at, async () => (await verdictAt(app, tokens.accessToken)) === "SESSION_REVOKED, LOG_IN");
          const login = clientsOf(app.url).auth.login({ identifier: username, password: passwordOf(username) });
          expect(await refusalOf(login)).toMatchObject({ reason: "CREDENTIALS_INVALID" });
        }
      }
    });

    it("a new service credential, and its end", async () => {
      const { value, at } = await first.beside((core) =>
        acknowledged(core.services.create("orders", ["users:read"], null)),
      );
      const list = (app: TestApp) => clientsOf(app.url, value.apiKey).admin.listUsers({ pageSize: 1 });
      const isLetIn = (app: TestApp) =>
        list(app).then(
          () => true,
          () => false,
        );
      await expectObeyed(at, () => isLetIn(second));
      const ended = await first.beside((core) => acknowledged(core.services.revoke("orders", null)));
      await expectObeyed(ended.at, async () => !(await isLetIn(second)));
    });
  });
});
