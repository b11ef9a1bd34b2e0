import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, type Person, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

/** One hash at a time, each long enough for another command to overtake it. */
const SLOW_HASHES = {
  SALLYPORT_ARGON2_MEMORY_KIB: "65536",
  SALLYPORT_ARGON2_PASSES: "8",
  SALLYPORT_HASH_PERMITS: "1",
};

let app: TestApp;
let root: Person;
let rogue: Person;

beforeEach(async () => {
  app = await startApp({ settings: SLOW_HASHES });
  root = await welcomeAdmin(app);
  await welcome(app, "rogue");
  const { userId } = await logIn(app, "rogue");
  await root.admin.setUserRoles({ userId, roles: ["admin"] });
  rogue = await logIn(app, "rogue");
});
afterEach(() => app.close());

const newUser = (username: string) => ({ username, password: "a password for later", roles: ["admin"] });

/** Lets the calls get in line for their hashes. */
async function begin(calls: readonly Promise<unknown>[]): Promise<readonly Promise<unknown>[]> {
  const refusals = calls.map((call) => refusalOf(call).catch((error: unknown) => error));
  await new Promise((resolve) => setTimeout(resolve, 60));
  return refusals;
}

async function userNames(): Promise<readonly string[]> {
  return (await root.admin.listUsers({})).users.map(({ username }) => username);
}

describe("What an administrator had begun", () => {
  it("is refused once they are disabled: no back door, no new password", async () => {
    const { userId } = rogue;
    const begun = await begin([
      rogue.admin.createUser(newUser("back-door")),
      rogue.admin.setUserPassword({ userId, password: "a password for later" }),
    ]);
    await root.admin.disableUser({ userId });
    for (const refusal of await Promise.all(begun)) expect(refusal).toMatchObject({ reason: "SESSION_REVOKED" });
    expect(await userNames()).not.toContain("back-door");
  });

  it("is refused once they are demoted", async () => {
    const begun = await begin([rogue.admin.createUser(newUser("back-door"))]);
    await root.admin.setUserRoles({ userId: rogue.userId, roles: ["user"] });
    for (const refusal of await Promise.all(begun)) expect(refusal).toMatchObject({ reason: "PRIVILEGES_CHANGED" });
    expect(await userNames()).not.toContain("back-door");
  });

  it("is refused once their session is ended", async () => {
    const begun = await begin([rogue.admin.createUser(newUser("back-door"))]);
    await root.admin.revokeUserSession({ sessionId: rogue.tokens.sessionId });
    for (const refusal of await Promise.all(begun)) expect(refusal).toMatchObject({ reason: "SESSION_REVOKED" });
    expect(await userNames()).not.toContain("back-door");
  });
});

describe("What a service had begun", () => {
  it("is refused once its credential is revoked", async () => {
    const { apiKey } = await root.admin.createService({ name: "rogue", permissions: ["*"] });
    const begun = await begin([clientsOf(app.url, apiKey).admin.createUser(newUser("back-door"))]);
    await root.admin.revokeService({ name: "rogue" });
    for (const refusal of await Promise.all(begun)) expect(refusal).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(await userNames()).not.toContain("back-door");
  });
});

describe("A service that may write users", () => {
  it("looks after ordinary ones, and touches none who hold more", async () => {
    const { apiKey } = await root.admin.createService({ name: "helpdesk", permissions: ["users:write"] });
    const { admin } = clientsOf(app.url, apiKey);
    const userId = await signUp(app, "ordinary");
    expect((await admin.setUserPassword({ userId, password: "a password for later" })).user?.id).toBe(userId);
    await admin.disableUser({ userId });
    await admin.enableUser({ userId });
    expect((await admin.setUserRoles({ userId, roles: ["user"] })).user?.roles).toEqual(["user"]);
    for (const call of [
      admin.setUserPassword({ userId: rogue.userId, password: "a password for later" }),
      admin.disableUser({ userId: rogue.userId }),
      admin.setUserRoles({ userId, roles: ["admin"] }),
      admin.createUser(newUser("greedy")),
    ]) {
      expect((await refusalOf(call)).reason).toBe("PRIVILEGE_ESCALATION");
    }
  });
});
