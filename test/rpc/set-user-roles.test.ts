import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { logIn, type Person, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refresh, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { changeUser, userRow } from "../support/rows.ts";

let app: TestApp;
let root: Person;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  await root.admin.setRole({ name: "clerk", permissions: ["users:write", "users:read", "roles:write", "orders:*"] });
  await root.admin.setRole({ name: "packer", permissions: ["orders:read"] });
  await root.admin.setRole({ name: "seller", permissions: ["orders:eu:*", "orders:write"] });
  await root.admin.setRole({ name: "auditor", permissions: ["users:read", "keys:write"] });
  await root.admin.setRole({ name: "idle", permissions: [] });
});
afterAll(() => app.close());

/** Somebody who holds these roles, logged in. */
async function holderOf(username: string, roles: string[]): Promise<Person> {
  const userId = await signUp(app, username);
  await root.admin.setUserRoles({ userId, roles });
  return logIn(app, username);
}

describe("SetUserRoles", () => {
  it("voids tokens with the old roles at once; a refresh passes", async () => {
    const person = await welcome(app, "mover");
    const { accessToken, refreshToken } = person.tokens;
    const { user, revision } = await root.admin.setUserRoles({ userId: person.userId, roles: ["packer", "user"] });
    expect(user).toMatchObject({ id: person.userId, roles: ["packer", "user"] });
    const question = { accessToken, ...(revision && { minRevision: revision }) };
    expect(verdictOf(await person.auth.authorize(question))).toBe("PRIVILEGES_CHANGED, REFRESH");
    const refusal = await refusalOf(person.account.getAccount({}));
    expect(refusal).toMatchObject({
      code: "Unauthenticated",
      reason: "PRIVILEGES_CHANGED",
      nextStep: "NEXT_STEP_REFRESH",
    });
    const next = await refresh(app, refreshToken);
    const asked = { accessToken: next.accessToken, anyRole: ["packer"], allPermissions: ["orders:read"] };
    expect(verdictOf(await person.auth.authorize(asked))).toBe("GRANTED");
  });

  it("voids the tokens of all sessions of the user, and of nobody else", async () => {
    const first = await welcome(app, "busy");
    const [second, stranger] = [await logIn(app, "busy"), await welcome(app, "stranger")];
    await root.admin.setUserRoles({ userId: first.userId, roles: [] });
    expect(await verdictOn(app, first.tokens.accessToken)).toBe("PRIVILEGES_CHANGED, REFRESH");
    expect(await verdictOn(app, second.tokens.accessToken)).toBe("PRIVILEGES_CHANGED, REFRESH");
    expect(await verdictOn(app, stranger.tokens.accessToken)).toBe("GRANTED");
  });

  it("leaves nothing of the roles that it does not name", async () => {
    const person = await holderOf("stripped", ["packer", "seller", "user"]);
    const { user } = await root.admin.setUserRoles({ userId: person.userId, roles: [] });
    expect(user?.roles).toEqual([]);
    const { accessToken } = await refresh(app, person.tokens.refreshToken);
    const answer = await person.auth.authorize({ accessToken, allPermissions: ["orders:read"] });
    expect(verdictOf(answer)).toBe("PERMISSION_MISSING, NONE");
  });

  it("can be repeated, and raises the revision each time", async () => {
    const userId = await signUp(app, "repeated");
    const first = await root.admin.setUserRoles({ userId, roles: ["packer"] });
    const second = await root.admin.setUserRoles({ userId, roles: ["packer"] });
    expect(second.user?.roles).toEqual(["packer"]);
    expect(second.revision?.number).toBe((first.revision?.number ?? 0n) + 1n);
  });

  it.each([
    ["an unknown user", "usr_01890000-0000-7000-8000-000000000000", ["packer"], "NotFound", "USER_NOT_FOUND"],
    ["an unknown role", "", ["nosuchrole"], "NotFound", "ROLE_NOT_FOUND"],
    ["an unknown role beside a known one", "", ["packer", "nosuchrole"], "NotFound", "ROLE_NOT_FOUND"],
    ["a role in another case", "", ["Packer"], "NotFound", "ROLE_NOT_FOUND"],
    ["a role named twice", "", ["packer", "packer"], "InvalidArgument", "REQUEST_INVALID"],
  ])("is refused for %s, and changes nothing", async (what, unknown, roles, code, reason) => {
    const userId = await signUp(app, `for-${what.replaceAll(" ", "-")}`);
    const refusal = await refusalOf(root.admin.setUserRoles({ userId: unknown || userId, roles }));
    expect(refusal).toMatchObject({ code, reason });
    expect(await userRow(app, userId)).toMatchObject({ epoch: 1 });
  });
});

describe("Nobody gives or takes by SetUserRoles what they do not hold:", () => {
  it("a clerk cannot take a role away that is not theirs", async () => {
    const clerk = await holderOf("rebel", ["clerk"]);
    const auditor = await holderOf("audited", ["auditor", "clerk"]);
    const refusal = await refusalOf(clerk.admin.setUserRoles({ userId: auditor.userId, roles: ["clerk"] }));
    expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "PRIVILEGE_ESCALATION" });
    expect(await verdictOn(app, auditor.tokens.accessToken)).toBe("GRANTED");
  });

  it.each([["admin"], ["auditor"], ["packer"], ["seller"], ["idle"]])(
    "a clerk cannot make anyone %s, nor themselves",
    async (role) => {
      const clerk = await holderOf(`clerk-of-${role}`, ["clerk"]);
      const userId = await signUp(app, `friend-of-${role}`);
      for (const target of [userId, clerk.userId]) {
        const refusal = await refusalOf(clerk.admin.setUserRoles({ userId: target, roles: ["clerk", role] }));
        expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "PRIVILEGE_ESCALATION" });
      }
      expect((await clerk.admin.getUser({ identity: { case: "userId", value: userId } })).user?.roles).toEqual([
        "user",
      ]);
    },
  );

  it.each([["clerk"], ["user"]])("a clerk can make anyone %s", async (role) => {
    const clerk = await holderOf(`clerk-for-${role}`, ["clerk", "user"]);
    const userId = await signUp(app, `made-${role}`);
    expect((await clerk.admin.setUserRoles({ userId, roles: [role] })).user?.roles).toEqual([role]);
  });

  it("who holds everything can make anyone anything, by whichever role it holds it", async () => {
    await root.admin.setRole({ name: "deputy", permissions: ["*"] });
    const deputy = await holderOf("deputy-sheriff", ["deputy"]);
    const userId = await signUp(app, "promoted");
    const roles = ["auditor", "idle", "seller"];
    expect((await deputy.admin.setUserRoles({ userId, roles })).user?.roles).toEqual(roles);
  });

  it("a clerk may leave a user what they hold already", async () => {
    const clerk = await holderOf("lenient", ["clerk"]);
    const auditor = await holderOf("inspected", ["auditor"]);
    const { user } = await clerk.admin.setUserRoles({ userId: auditor.userId, roles: ["auditor", "clerk"] });
    expect(user?.roles).toEqual(["auditor", "clerk"]);
  });

  it("what a role was worth when the token was issued does not count", async () => {
    await root.admin.setRole({ name: "waning", permissions: ["*"] });
    const waning = await holderOf("waner", ["waning"]);
    const userId = await signUp(app, "hopeful");
    await root.admin.setRole({ name: "waning", permissions: ["users:write"] });
    const refusal = await refusalOf(waning.admin.setUserRoles({ userId, roles: ["packer"] }));
    expect(refusal.reason).toBe("PRIVILEGE_ESCALATION");
  });
});

describe("The last admin", () => {
  it("cannot be taken the role, by anyone, and keeps the token that is out", async () => {
    for (const roles of [[], ["user"], ["clerk"]]) {
      const refusal = await refusalOf(root.admin.setUserRoles({ userId: root.userId, roles }));
      expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "LAST_ADMIN" });
    }
    expect((await root.account.getAccount({})).user?.roles).toEqual(["admin"]);
  });

  it("is the last one even if a disabled one is left", async () => {
    const other = await startApp();
    try {
      const [first, second] = [await welcomeAdmin(other, "first"), await welcomeAdmin(other, "second")];
      await changeUser(other, second.userId, { state: "disabled" });
      const demote = () => first.admin.setUserRoles({ userId: first.userId, roles: [] });
      expect((await refusalOf(demote())).reason).toBe("LAST_ADMIN");
      await changeUser(other, second.userId, { state: "active" });
      expect((await demote()).user?.roles).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it("is left when all admins are demoted at the same moment", async () => {
    const other = await startApp();
    try {
      const admins: Person[] = [];
      for (const name of ["admin1", "admin2", "admin3", "admin4"]) admins.push(await welcomeAdmin(other, name));
      const outcomes = await Promise.allSettled(
        admins.map(({ userId }, index) => admins[(index + 1) % 4]?.admin.setUserRoles({ userId, roles: [] })),
      );
      expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
      const left = await other.beside(({ store }) =>
        store.read((db) => db.selectFrom("user_roles").selectAll().where("role", "=", "admin").execute()),
      );
      expect(left.length).toBeGreaterThan(0);
    } finally {
      await other.close();
    }
  });

  it("may hand the role on and then go", async () => {
    const other = await startApp();
    try {
      const first = await welcomeAdmin(other, "first");
      const heir = await welcome(other, "heir");
      await first.admin.setUserRoles({ userId: heir.userId, roles: ["admin"] });
      const { user } = await first.admin.setUserRoles({ userId: first.userId, roles: ["user"] });
      expect(user?.roles).toEqual(["user"]);
      expect((await refusalOf(first.admin.listUsers({}))).reason).toBe("PRIVILEGES_CHANGED");
      const demoted = await refresh(other, first.tokens.refreshToken);
      const refusal = await refusalOf(clientsOf(other.url, demoted.accessToken).admin.listUsers({}));
      expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_MISSING" });
    } finally {
      await other.close();
    }
  });
});
