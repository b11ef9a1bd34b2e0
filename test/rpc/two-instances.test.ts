/** Two instances on one database: what one is told, the other obeys. */
import { decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { acknowledged, expectObeyed } from "../support/obeyed.ts";
import { logIn, type Person, passwordOf, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let first: TestApp;
let second: TestApp;
let admin: Person;

beforeAll(async () => {
  first = await startApp();
  second = await startApp({ dataDir: first.dataDir, clock: first.clock });
  admin = await welcomeAdmin(first);
});
afterAll(async () => {
  await second.close();
  await first.close();
});

/** What an instance decides about a token now. */
async function verdictAt(app: TestApp, accessToken: string, allPermissions: string[] = []): Promise<string> {
  return verdictOf(await clientsOf(app.url).auth.authorize({ accessToken, allPermissions }));
}

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
    const { nextPageToken } = await admin.admin.listUsers({ pageSize: 1 });
    const { users } = await clientsOf(second.url, admin.tokens.accessToken).admin.listUsers({
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
    first.clock.advance(31_000);
    const { at } = await acknowledged(refusalOf(auth.refresh({ refreshToken: tokens.refreshToken })));
    await expectObeyed(at, async () => (await verdictAt(second, accessToken)) === "SESSION_REVOKED, LOG_IN");
  });

  it("an assignment of roles, which voids the tokens that carry the old ones", async () => {
    const { tokens, userId } = await welcome(first, "eve");
    expect(await verdictAt(second, tokens.accessToken)).toBe("GRANTED");
    const { at } = await acknowledged(admin.admin.setUserRoles({ userId, roles: [] }));
    expect(await verdictAt(first, tokens.accessToken)).toBe("PRIVILEGES_CHANGED, REFRESH");
    await expectObeyed(at, async () => (await verdictAt(second, tokens.accessToken)) === "PRIVILEGES_CHANGED, REFRESH");
    const fresh = await clientsOf(second.url).auth.refresh({ refreshToken: tokens.refreshToken });
    expect(await verdictAt(first, fresh.accessToken)).toBe("GRANTED");
  });

  it("an assignment of roles from the command line, at both instances", async () => {
    const { tokens, userId } = await welcome(first, "fay");
    const at = await first.beside(async (core) => (await acknowledged(core.assignRoles(userId, [], null))).at);
    for (const app of [first, second]) {
      await expectObeyed(at, async () => (await verdictAt(app, tokens.accessToken)) === "PRIVILEGES_CHANGED, REFRESH");
    }
  });

  it("what a role grants, and what it grants no more, for tokens that are out", async () => {
    await admin.admin.setRole({ name: "clerk", permissions: [] });
    const userId = await signUp(first, "gus");
    await admin.admin.setUserRoles({ userId, roles: ["clerk"] });
    const { tokens } = await logIn(first, "gus");
    const may = async (app: TestApp) => (await verdictAt(app, tokens.accessToken, ["orders:read"])) === "GRANTED";
    expect(await may(second)).toBe(false);
    const given = await acknowledged(admin.admin.setRole({ name: "clerk", permissions: ["orders:read"] }));
    expect(await may(first)).toBe(true);
    await expectObeyed(given.at, () => may(second));
    const taken = await acknowledged(admin.admin.setRole({ name: "clerk", permissions: ["orders:write"] }));
    await expectObeyed(taken.at, async () => !(await may(second)));
  });

  it("the rotation of keys: it knows the new one, signs with it, and still honours the old", async () => {
    const { tokens } = await welcome(first, "hal");
    const { value, at } = await first.beside((core) => acknowledged(core.rotateKeys(true)));
    if (value.outcome !== "rotated") throw new Error(value.outcome);
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
    const app = await startApp();
    onTestFinished(app.close);
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
