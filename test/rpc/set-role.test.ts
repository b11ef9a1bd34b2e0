import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { verdictOf } from "../support/decisions.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let root: Person;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
});
afterAll(() => app.close());

/** Somebody who holds a new role with these grants. */
async function holderOf(role: string, permissions: string[]): Promise<Person> {
  await root.admin.setRole({ name: role, permissions });
  const userId = await signUp(app, `holder-of-${role}`);
  await root.admin.setUserRoles({ userId, roles: [role] });
  return logIn(app, `holder-of-${role}`);
}

async function may({ auth, tokens }: Person, ...allPermissions: string[]): Promise<boolean> {
  const verdict = verdictOf(await auth.authorize({ accessToken: tokens.accessToken, allPermissions }));
  expect(["GRANTED", "PERMISSION_MISSING, NONE"]).toContain(verdict);
  return verdict === "GRANTED";
}

describe("SetRole", () => {
  it("makes a role that grants what it says, in alphabetical order", async () => {
    const { role, revision } = await root.admin.setRole({ name: "maker", permissions: ["b:read", "a:*", "a:write"] });
    expect(role).toMatchObject({ name: "maker", permissions: ["a:*", "a:write", "b:read"], builtIn: false });
    expect(revision?.number).toBeGreaterThan(0n);
  });

  it("holds at once for tokens that are out, which go on being good", async () => {
    const person = await holderOf("shifter", ["orders:read"]);
    expect(await may(person, "orders:read")).toBe(true);
    await root.admin.setRole({ name: "shifter", permissions: ["orders:write"] });
    expect(await may(person, "orders:read")).toBe(false);
    expect(await may(person, "orders:write")).toBe(true);
    await root.admin.setRole({ name: "shifter", permissions: [] });
    expect(await may(person, "orders:write")).toBe(false);
    expect(await may(person)).toBe(true);
  });

  it("holds for other instances from its revision on", async () => {
    const second = await startApp({ dataDir: app.dataDir, clock: app.clock });
    try {
      const { tokens } = await holderOf("far", ["orders:read"]);
      const { revision } = await root.admin.setRole({ name: "far", permissions: [] });
      const question = { accessToken: tokens.accessToken, allPermissions: ["orders:read"] };
      const { auth } = await logIn(second, "holder-of-far");
      const answer = await auth.authorize({ ...question, ...(revision && { minRevision: revision }) });
      expect(verdictOf(answer)).toBe("PERMISSION_MISSING, NONE");
    } finally {
      await second.close();
    }
  });

  it("can be repeated", async () => {
    const first = await root.admin.setRole({ name: "again", permissions: ["orders:read"] });
    const second = await root.admin.setRole({ name: "again", permissions: ["orders:read"] });
    expect(second.role).toEqual(first.role);
  });

  it.each([
    [
      "all below a prefix",
      ["orders:*"],
      ["orders:read", "orders:eu:read", "orders:*"],
      ["orders", "ordersx:read", "*"],
    ],
    ["all below a long prefix", ["orders:eu:*"], ["orders:eu:read"], ["orders:read", "orders:eu", "orders:*"]],
    ["all there is", ["*"], ["orders:read", "orders:*", "*", "anything"], []],
    ["one thing", ["orders:read"], ["orders:read"], ["orders:write", "orders:read:all", "orders", "*", "Orders:read"]],
  ])("grants %s", async (what, permissions, held, lacking) => {
    const person = await holderOf(what.replaceAll(" ", "-"), permissions);
    for (const permission of held) expect([permission, await may(person, permission)]).toEqual([permission, true]);
    for (const permission of lacking) expect([permission, await may(person, permission)]).toEqual([permission, false]);
  });

  it("cannot change what admin grants", async () => {
    for (const permissions of [[], ["users:read"], ["*"]]) {
      const refusal = await refusalOf(root.admin.setRole({ name: "admin", permissions }));
      expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "ROLE_BUILT_IN" });
    }
    expect(await may(root, "anything:at:all")).toBe(true);
  });

  it("may say what user grants, which stays built in", async () => {
    const { role } = await root.admin.setRole({ name: "user", permissions: ["greetings:read"] });
    expect(role).toMatchObject({ name: "user", permissions: ["greetings:read"], builtIn: true });
    await root.admin.setRole({ name: "user", permissions: [] });
  });

  it.each(["Clerk", "1clerk", "-clerk", "clerk:x", "clerk*", "*", "clérk", "clerk\n", " clerk", "clerk ", ""])(
    "refuses the name %j",
    async (name) => {
      const refusal = await refusalOf(root.admin.setRole({ name }));
      expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID" });
      expect(new Set(refusal.fields)).toEqual(new Set(["name"]));
    },
  );

  it.each([
    "**",
    "orders:",
    ":read",
    "orders::read",
    "orders:*:read",
    "*:read",
    "orders*",
    "Orders:read",
    "a b",
    "a\n",
    "",
  ])("refuses the permission %j", async (permission) => {
    const refusal = await refusalOf(root.admin.setRole({ name: "clean", permissions: ["a:b", permission] }));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID" });
    expect(new Set(refusal.fields)).toEqual(new Set(["permissions[1]"]));
  });
});

describe("Nobody grants by SetRole what they do not hold:", () => {
  it.each([["*"], ["keys:write"], ["orders:*"], ["orders:eu:*"], ["roles:*"], ["roles:writes"]])(
    "who holds roles:write and orders:eu:read cannot grant %s",
    async (permission) => {
      const name = `grantor-${permission.replace(/\W/g, "-")}z`;
      const person = await holderOf(name, ["roles:write", "orders:eu:read"]);
      for (const role of ["outlet", name]) {
        const refusal = await refusalOf(
          person.admin.setRole({ name: role, permissions: ["orders:eu:read", permission] }),
        );
        expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "PRIVILEGE_ESCALATION" });
      }
      expect((await refusalOf(root.admin.deleteRole({ name: "outlet" }))).reason).toBe("ROLE_NOT_FOUND");
    },
  );

  it("who holds a wildcard can grant what is below it, and nothing beside it", async () => {
    const person = await holderOf("regent", ["roles:write", "orders:*"]);
    const permissions = ["orders:*", "orders:eu:*", "orders:read", "roles:write"];
    expect((await person.admin.setRole({ name: "deputy", permissions })).role?.permissions).toEqual(permissions);
    for (const beside of ["orders", "ordersx:read", "*"]) {
      const refusal = await refusalOf(person.admin.setRole({ name: "deputy", permissions: [beside] }));
      expect(refusal.reason).toBe("PRIVILEGE_ESCALATION");
    }
  });

  it("who lost a permission a moment ago cannot pass it on", async () => {
    const person = await holderOf("fallen", ["roles:write", "orders:read"]);
    await root.admin.setRole({ name: "fallen", permissions: ["roles:write"] });
    const refusal = await refusalOf(person.admin.setRole({ name: "gift", permissions: ["orders:read"] }));
    expect(refusal.reason).toBe("PRIVILEGE_ESCALATION");
  });

  it("an admin can grant everything", async () => {
    expect((await root.admin.setRole({ name: "viceroy", permissions: ["*"] })).role?.permissions).toEqual(["*"]);
  });
});
