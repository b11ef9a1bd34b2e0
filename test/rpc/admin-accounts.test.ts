import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserState } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, type Person, passwordOf, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refresh, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { userRow } from "../support/rows.ts";

const NOBODY = "usr_01890000-0000-7000-8000-000000000000";
const NEW_PASSWORD = "a brand new lighthouse";

let app: TestApp;
let root: Person;
/** Writes users, but holds neither `admin` nor what others hold. */
let clerk: Person;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  await root.admin.setRole({ name: "clerk", permissions: ["users:write", "users:read"] });
  await root.admin.setRole({ name: "packer", permissions: ["orders:read"] });
  const userId = await signUp(app, "clerk");
  await root.admin.setUserRoles({ userId, roles: ["clerk", "user"] });
  clerk = await logIn(app, "clerk");
});
afterAll(() => app.close());

async function holderOf(username: string, roles: string[]): Promise<Person> {
  const userId = await signUp(app, username);
  await root.admin.setUserRoles({ userId, roles });
  return logIn(app, username);
}

describe("CreateUser", () => {
  it("makes an account that logs in, also where signup is closed, and the trail says who made it", async () => {
    const closed = await startApp({ settings: { SALLYPORT_SIGNUP_ROLES: "" } });
    try {
      const admin = await welcomeAdmin(closed);
      const input = { username: "Ada", password: passwordOf("ada"), email: "Ada@Example.com", roles: ["user"] };
      const { user } = await admin.admin.createUser(input);
      expect(user).toMatchObject({ username: "ada", email: "ada@example.com", roles: ["user"] });
      expect((await logIn(closed, "ada")).userId).toBe(user?.id);
      const said = closed.logged().find(({ event, user_id }) => event === "user_created" && user_id === user?.id);
      expect(said).toMatchObject({ actor: admin.userId });
    } finally {
      await closed.close();
    }
  });

  it("gives no roles but those that are named", async () => {
    const { user } = await clerk.admin.createUser({ username: "bare", password: passwordOf("bare") });
    expect(user?.roles).toEqual([]);
  });

  it.each([
    ["a role that the caller does not hold", { roles: ["admin"] }, "PRIVILEGE_ESCALATION"],
    ["a role that is unknown", { roles: ["nosuchrole"] }, "PRIVILEGE_ESCALATION"],
    ["a taken name", { username: "CLERK" }, "USERNAME_TAKEN"],
    ["a common password", { password: "password123" }, "PASSWORD_COMMON"],
    ["a short password", { password: "short" }, "REQUEST_INVALID"],
    ["no name", { username: "" }, "REQUEST_INVALID"],
  ])("is refused for %s", async (_what, change, reason) => {
    const input = { username: "unmade", password: NEW_PASSWORD, ...change };
    expect((await refusalOf(clerk.admin.createUser(input))).reason).toBe(reason);
    const found = clerk.admin.getUser({ identity: { case: "username", value: "unmade" } });
    expect((await refusalOf(found)).reason).toBe("USER_NOT_FOUND");
  });
});

describe("SetUserPassword", () => {
  it("ends every session, and is the only password from then on", async () => {
    const person = await welcome(app, "forgetful");
    const other = await logIn(app, "forgetful");
    const { user, revision } = await clerk.admin.setUserPassword({ userId: person.userId, password: NEW_PASSWORD });
    expect([user?.id, revision?.number]).toEqual([person.userId, expect.any(BigInt)]);
    for (const { tokens } of [person, other]) {
      expect(await verdictOn(app, tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
      expect((await refusalOf(refresh(app, tokens.refreshToken))).reason).toBe("SESSION_ENDED");
    }
    expect((await refusalOf(logIn(app, "forgetful"))).reason).toBe("CREDENTIALS_INVALID");
    const { auth } = clientsOf(app.url);
    expect((await auth.login({ identifier: "forgetful", password: NEW_PASSWORD })).user?.id).toBe(person.userId);
  });

  it("cannot be used to become somebody who holds more", async () => {
    const packer = await holderOf("packer1", ["packer"]);
    for (const userId of [packer.userId, root.userId]) {
      const refusal = await refusalOf(clerk.admin.setUserPassword({ userId, password: NEW_PASSWORD }));
      expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "PRIVILEGE_ESCALATION" });
    }
    expect(await verdictOn(app, packer.tokens.accessToken)).toBe("GRANTED");
    expect(await verdictOn(app, root.tokens.accessToken)).toBe("GRANTED");
  });

  it.each([
    ["nobody", { userId: NOBODY }, "USER_NOT_FOUND"],
    ["a common password", { password: "password123" }, "PASSWORD_COMMON"],
    ["the user's own name", { password: "sitting.duck" }, "PASSWORD_PERSONAL"],
    ["a short password", { password: "short" }, "REQUEST_INVALID"],
    ["no user", { userId: "" }, "REQUEST_INVALID"],
  ])("is refused for %s, and changes nothing", async (what, change, reason) => {
    const found = await root.admin.getUser({ identity: { case: "username", value: "sitting.duck" } }).catch(() => null);
    const userId = found?.user?.id ?? (await signUp(app, "sitting.duck"));
    const before = await userRow(app, userId);
    const call = root.admin.setUserPassword({ userId, password: NEW_PASSWORD, ...change });
    expect([what, (await refusalOf(call)).reason]).toEqual([what, reason]);
    expect(await userRow(app, userId)).toEqual(before);
  });
});

describe("DisableUser and EnableUser", () => {
  it("end everything at once, and revive nothing", async () => {
    const person = await welcome(app, "suspended");
    const { user, revision } = await clerk.admin.disableUser({ userId: person.userId });
    expect([user?.state, revision?.number]).toEqual([UserState.DISABLED, expect.any(BigInt)]);
    expect(await verdictOn(app, person.tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
    expect((await refusalOf(logIn(app, "suspended"))).reason).toBe("CREDENTIALS_INVALID");
    expect((await clerk.admin.enableUser({ userId: person.userId })).user?.state).toBe(UserState.ACTIVE);
    expect(await verdictOn(app, person.tokens.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
    expect((await refusalOf(refresh(app, person.tokens.refreshToken))).reason).toBe("SESSION_ENDED");
    expect((await logIn(app, "suspended")).userId).toBe(person.userId);
  });

  it("may be repeated, and then change nothing", async () => {
    const person = await welcome(app, "twice");
    const first = await clerk.admin.disableUser({ userId: person.userId });
    const again = await clerk.admin.disableUser({ userId: person.userId });
    expect([again.user?.state, again.revision]).toEqual([UserState.DISABLED, first.revision]);
    await clerk.admin.enableUser({ userId: person.userId });
    expect((await clerk.admin.enableUser({ userId: person.userId })).user?.state).toBe(UserState.ACTIVE);
  });

  it("are refused for nobody, for who holds more, and for the last administrator", async () => {
    const packer = await holderOf("packer2", ["packer"]);
    for (const change of [clerk.admin.disableUser, clerk.admin.enableUser]) {
      expect((await refusalOf(change({ userId: NOBODY }))).reason).toBe("USER_NOT_FOUND");
      expect((await refusalOf(change({ userId: packer.userId }))).reason).toBe("PRIVILEGE_ESCALATION");
    }
    expect((await refusalOf(root.admin.disableUser({ userId: root.userId }))).reason).toBe("LAST_ADMIN");
    expect(await verdictOn(app, packer.tokens.accessToken)).toBe("GRANTED");
    expect(await verdictOn(app, root.tokens.accessToken)).toBe("GRANTED");
  });
});
