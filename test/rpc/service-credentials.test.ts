import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { type Person, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let user: Person;
let admin: Person;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_AUTHORIZE_CALLERS: "services" } });
  user = await welcome(app, "grace");
  admin = await welcomeAdmin(app);
});
afterAll(() => app.close());

/** Makes a credential from the command line's side, and waits until the instance knows it. */
async function apiKeyOf(name: string, permissions: readonly string[]): Promise<string> {
  const { apiKey, revision } = await app.beside((core) => core.services.create(name, permissions, null));
  await waitUntilKnown(revision);
  return apiKey;
}

async function waitUntilKnown(revision: number): Promise<void> {
  const { revision: logged } = await user.auth.logout({ refreshToken: (await anyRefreshToken()).refreshToken });
  expect(Number(logged?.number)).toBeGreaterThanOrEqual(revision);
}

/** A session to throw away: ending it makes the instance read the log to its end. */
async function anyRefreshToken() {
  return user.auth.login({ identifier: "grace", password: "grace keeps kites in the harbour" });
}

describe("Where the operator leaves Authorize to services", () => {
  it.each(WIRE_FORMS)("a service's API key is let in over $name", async ({ name, transport }) => {
    const apiKey = await apiKeyOf(`s${name.toLowerCase().replace(/[^a-z0-9]/g, "")}`, []);
    const { auth } = clientsOf(app.url, apiKey, transport);
    const { decision } = await auth.authorize({ accessToken: user.tokens.accessToken });
    expect(decision.case).toBe("granted");
  });

  it("nobody else is: no credential, a user, an administrator, a made-up key", async () => {
    const question = { accessToken: user.tokens.accessToken };
    const madeUp = clientsOf(app.url, `sallyport_svk_${"A".repeat(43)}`);
    expect(await refusalOf(clientsOf(app.url).auth.authorize(question))).toMatchObject({ reason: "TOKEN_MISSING" });
    expect(await refusalOf(user.auth.authorize(question))).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(await refusalOf(admin.auth.authorize(question))).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(await refusalOf(madeUp.auth.authorize(question))).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(
      await refusalOf(user.auth.batchAuthorize({ items: [{ correlationId: "1", request: question }] })),
    ).toMatchObject({
      code: "Unauthenticated",
    });
  });

  it("a revoked key is refused, for good", async () => {
    const { auth } = clientsOf(app.url, await apiKeyOf("fleeting", []));
    await auth.authorize({ accessToken: user.tokens.accessToken });
    await waitUntilKnown((await app.beside((core) => core.services.revoke("fleeting", null))).revision);
    expect(await refusalOf(auth.authorize({ accessToken: user.tokens.accessToken }))).toMatchObject({
      reason: "TOKEN_INVALID",
    });
  });
});

describe("A service credential", () => {
  it("opens an RPC by the permission that its rule names, and by no other", async () => {
    const reader = clientsOf(app.url, await apiKeyOf("reader", ["users:read"]));
    expect((await reader.admin.listUsers({})).users.map(({ username }) => username)).toEqual(["grace", "root"]);
    expect(await refusalOf(reader.admin.listRoles({}))).toMatchObject({
      code: "PermissionDenied",
      reason: "PERMISSION_MISSING",
    });
  });

  it("is no user, whatever it may do", async () => {
    const all = clientsOf(app.url, await apiKeyOf("all", ["*"]));
    expect(await refusalOf(all.account.getAccount({}))).toMatchObject({ reason: "TOKEN_INVALID" });
    expect((await all.auth.authorize({ accessToken: await apiKeyOf("asked", ["*"]) })).decision).toMatchObject({
      case: "denied",
    });
  });

  it("hands out nothing that it does not hold", async () => {
    const writer = clientsOf(app.url, await apiKeyOf("writer", ["roles:write", "orders:*"]));
    await writer.admin.setRole({ name: "clerk", permissions: ["orders:read"] });
    expect(await refusalOf(writer.admin.setRole({ name: "clerk", permissions: ["users:write"] }))).toMatchObject({
      reason: "PRIVILEGE_ESCALATION",
    });
  });

  it("is kept as a hash, under one name at a time", async () => {
    const apiKey = await apiKeyOf("kept", []);
    const { apiKey: again } = await app.beside(async (core) => {
      await expect(core.services.create("kept", [], null)).rejects.toMatchObject({ reason: "SERVICE_NAME_TAKEN" });
      await core.services.revoke("kept", null);
      await expect(core.services.revoke("kept", null)).rejects.toMatchObject({ reason: "SERVICE_NOT_FOUND" });
      return core.services.create("kept", [], null);
    });
    const rows = await app.beside((core) => core.store.read((db) => db.selectFrom("services").selectAll().execute()));
    expect(again).not.toBe(apiKey);
    for (const key of [apiKey, again]) expect(JSON.stringify(rows)).not.toContain(key);
  });
});
