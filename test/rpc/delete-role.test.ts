import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { verdictOf } from "../support/decisions.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

/** Longer than the access tokens of these tests live: ten minutes. */
const TOKEN_LIFE_MS = 600_000;

let app: TestApp;
let root: Person;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
});
afterAll(() => app.close());

/** Lets time pass, and logs the admin in again. */
async function wait(milliseconds: number): Promise<void> {
  app.clock.advance(milliseconds);
  root = await logIn(app, "root");
}

async function roleNames(pageSize = 100): Promise<readonly string[]> {
  const names: string[] = [];
  let pageToken = "";
  do {
    const { roles, nextPageToken } = await root.admin.listRoles({ pageSize, pageToken });
    names.push(...roles.map(({ name }) => name));
    pageToken = nextPageToken;
  } while (pageToken !== "");
  return names;
}

describe("DeleteRole", () => {
  it("takes the role away, and tells a revision that knows", async () => {
    const { revision: made } = await root.admin.setRole({ name: "fleeting", permissions: ["orders:read"] });
    const { revision } = await root.admin.deleteRole({ name: "fleeting" });
    expect(revision?.number).toBe((made?.number ?? 0n) + 1n);
    expect(await roleNames()).not.toContain("fleeting");
  });

  it.each(["admin", "user"])("refuses to delete %s", async (name) => {
    const refusal = await refusalOf(root.admin.deleteRole({ name }));
    expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "ROLE_BUILT_IN" });
  });

  it.each(["nosuchrole", "ADMIN", "admin ", "*", "' or 1=1 --"])("finds no role called %j", async (name) => {
    expect(await refusalOf(root.admin.deleteRole({ name }))).toMatchObject({
      code: "NotFound",
      reason: "ROLE_NOT_FOUND",
    });
  });

  it("finds no role that is deleted already", async () => {
    await root.admin.setRole({ name: "gone" });
    await root.admin.deleteRole({ name: "gone" });
    expect((await refusalOf(root.admin.deleteRole({ name: "gone" }))).reason).toBe("ROLE_NOT_FOUND");
  });

  it("refuses while anybody holds the role, also who cannot log in", async () => {
    await root.admin.setRole({ name: "held", permissions: ["orders:read"] });
    const userId = await signUp(app, "holder");
    await root.admin.setUserRoles({ userId, roles: ["held"] });
    const { tokens, auth } = await logIn(app, "holder");
    const refusal = await refusalOf(root.admin.deleteRole({ name: "held" }));
    expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "ROLE_IN_USE" });
    const question = { accessToken: tokens.accessToken, anyRole: ["held"], allPermissions: ["orders:read"] };
    expect(verdictOf(await auth.authorize(question))).toBe("GRANTED");
    await root.admin.setUserRoles({ userId, roles: [] });
    expect((await root.admin.deleteRole({ name: "held" })).revision?.number).toBeGreaterThan(0n);
  });

  it("loses or wins against an assignment at the same moment, but leaves nobody with a role that is gone", async () => {
    const userId = await signUp(app, "contested");
    for (let round = 0; round < 8; round += 1) {
      const name = `contested-${round}`;
      await root.admin.setRole({ name });
      const [deletion, assignment] = await Promise.allSettled([
        root.admin.deleteRole({ name }),
        root.admin.setUserRoles({ userId, roles: [name] }),
      ]);
      expect([deletion.status, assignment.status].sort()).toEqual(["fulfilled", "rejected"]);
    }
  });
});

describe("The name of a deleted role", () => {
  it("rests while tokens may still carry it, then may return with other grants", async () => {
    await root.admin.setRole({ name: "phoenix", permissions: ["orders:read"] });
    await root.admin.deleteRole({ name: "phoenix" });
    const revive = () => root.admin.setRole({ name: "phoenix", permissions: ["orders:write"] });
    expect(await refusalOf(revive())).toMatchObject({
      code: "FailedPrecondition",
      reason: "ROLE_NAME_RESTING",
      retryDelayMs: TOKEN_LIFE_MS,
    });
    await wait(TOKEN_LIFE_MS - 1);
    expect(await refusalOf(revive())).toMatchObject({ reason: "ROLE_NAME_RESTING", retryDelayMs: 1 });
    await wait(1);
    const { role } = await revive();
    expect(role).toMatchObject({ name: "phoenix", permissions: ["orders:write"], builtIn: false });
    expect(await roleNames()).toContain("phoenix");
  });

  it("rests for the longest life that any token was ever given, whatever the present setting", async () => {
    const past = await startApp({ settings: { SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "3600" } });
    try {
      const present = await startApp({
        dataDir: past.dataDir,
        clock: past.clock,
        settings: { SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "60" },
      });
      try {
        const { admin } = await welcomeAdmin(present);
        await admin.setRole({ name: "phoenix" });
        await admin.deleteRole({ name: "phoenix" });
        expect((await refusalOf(admin.setRole({ name: "phoenix" }))).retryDelayMs).toBe(3_600_000);
      } finally {
        await present.close();
      }
    } finally {
      await past.close();
    }
  });

  it("cannot be assigned, signed up for, or satisfy anything", async () => {
    await root.admin.setRole({ name: "ghost", permissions: ["orders:read"] });
    const userId = await signUp(app, "believer");
    await root.admin.setUserRoles({ userId, roles: ["ghost"] });
    const { tokens, auth } = await logIn(app, "believer");
    await app.beside(({ store }) =>
      store.write(({ db }) => db.deleteFrom("user_roles").where("role", "=", "ghost").execute()),
    );
    const { revision } = await root.admin.deleteRole({ name: "ghost" });
    const question = { accessToken: tokens.accessToken, ...(revision && { minRevision: revision }) };
    expect(verdictOf(await auth.authorize(question))).toBe("GRANTED");
    expect(verdictOf(await auth.authorize({ ...question, anyRole: ["ghost"] }))).toBe("ROLE_MISSING, NONE");
    const allPermissions = ["orders:read"];
    expect(verdictOf(await auth.authorize({ ...question, allPermissions }))).toBe("PERMISSION_MISSING, NONE");
    const refusal = await refusalOf(root.admin.setUserRoles({ userId, roles: ["ghost"] }));
    expect(refusal).toMatchObject({ code: "NotFound", reason: "ROLE_NOT_FOUND" });
  });
});

describe("ListRoles", () => {
  it("hands out every role once, page by page, in alphabetical order", async () => {
    for (const name of ["zebra", "aardvark", "mole"]) await root.admin.setRole({ name });
    const all = await roleNames();
    expect(all).toEqual([...all].sort());
    expect(all).toEqual(expect.arrayContaining(["aardvark", "admin", "mole", "user", "zebra"]));
    for (const pageSize of [1, 2, all.length]) expect(await roleNames(pageSize)).toEqual(all);
  });

  it("tells what each role grants, and which are built in", async () => {
    const { roles } = await root.admin.listRoles({});
    const admin = roles.find(({ name }) => name === "admin");
    expect(admin).toMatchObject({ permissions: ["*"], builtIn: true });
    expect(roles.filter(({ builtIn }) => builtIn).map(({ name }) => name)).toEqual(["admin", "user"]);
  });
});

describe("The number of roles", () => {
  it("is bounded; there is room again when one is deleted", async () => {
    const other = await startApp();
    try {
      const { admin } = await welcomeAdmin(other);
      await other.beside(({ roleDefinitions }) =>
        Promise.all(Array.from({ length: 498 }, (_, index) => roleDefinitions.set(`role${index}`, [], null))),
      );
      const refusal = await refusalOf(admin.setRole({ name: "straw" }));
      expect(refusal).toMatchObject({ code: "FailedPrecondition", reason: "TOO_MANY_ROLES" });
      expect((await admin.setRole({ name: "role7", permissions: ["a:b"] })).role?.permissions).toEqual(["a:b"]);
      await admin.deleteRole({ name: "role7" });
      expect((await admin.setRole({ name: "straw" })).role?.name).toBe("straw");
    } finally {
      await other.close();
    }
  });
});
