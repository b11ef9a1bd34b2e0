/** `sallyport users list|show|set-password|disable|enable`, beside a server that obeys. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complaintsOf, type Installation, jsonLines, startInstallation } from "../support/installation.ts";
import { logIn, passwordOf, signUp, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

const NEW_PASSWORD = "no more kites, but boats";

let here: Installation;
beforeAll(async () => {
  here = await startInstallation();
});
afterAll(() => here.close());

/** Why each refresh token is refused. */
async function refusedRefreshes(refreshTokens: readonly string[]): Promise<readonly (string | null)[]> {
  const refusals = refreshTokens.map((refreshToken) => refusalOf(here.auth.refresh({ refreshToken })));
  return (await Promise.all(refusals)).map(({ reason }) => reason);
}

/** Somebody who is logged in on two devices. */
async function welcomeTwice(username: string) {
  const people = [await welcome(here, username), await logIn(here, username)];
  return {
    access: people.map(({ tokens }) => tokens.accessToken),
    refresh: people.map(({ tokens }) => tokens.refreshToken),
  };
}

describe("users list", () => {
  it("shows a line for each account, and with --json an object; of one role, if asked", async () => {
    const id = await signUp(here, "lister");
    const [plain, json, admins, nobody] = await Promise.all([
      here.run(["users", "list"]),
      here.run(["users", "list", "--json"]),
      here.run(["users", "list", "--role", "admin", "--json"]),
      here.run(["users", "list", "--role", "wizard"]),
    ]);
    expect([plain, json, admins, nobody].map(({ code, stderr }) => [code, stderr])).toEqual(Array(4).fill([0, ""]));
    expect(plain.stdout).toContain(`${id}  lister  -  active  user\n`);
    const lister = { id, username: "lister", email: null, emailVerified: false, state: "active", roles: ["user"] };
    expect(jsonLines(json.stdout)).toContainEqual({ ...lister, created: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(jsonLines(admins.stdout)).toEqual([expect.objectContaining({ username: "root", roles: ["admin"] })]);
    expect(nobody.stdout).toBe("");
    expect(plain.stdout + json.stdout).not.toContain("argon2");
  });
});

describe("users show", () => {
  it("finds an account by name and by address, in whatever case, and tells no secret of it", async () => {
    await here.order(["users", "create", "shown", "--email", "Shown@example.com"], passwordOf("shown"));
    const [byName, byAddress] = await Promise.all([
      here.run(["users", "show", "SHOWN"]),
      here.run(["users", "show", "shown@EXAMPLE.com"]),
    ]);
    expect([byName.code, byName.stderr]).toEqual([0, ""]);
    const shown = JSON.parse(byName.stdout);
    expect(shown).toMatchObject({ username: "shown", email: "shown@example.com", roles: ["user"], state: "active" });
    expect(Object.keys(shown)).toEqual(["id", "username", "email", "emailVerified", "state", "roles", "created"]);
    expect(byAddress.stdout).toBe(byName.stdout);
  });
});

describe("users set-password", () => {
  it("ends every session of the user at once, and lets in by the new password alone", async () => {
    const { access, refresh } = await welcomeTwice("forgetful");
    const bystander = await welcome(here, "bystander");
    const { at, stdout } = await here.order(["users", "set-password", "forgetful"], `${NEW_PASSWORD}\n`);
    await here.expectVerdict(at, access, "SESSION_REVOKED, LOG_IN");
    expect(stdout).toBe("forgetful has a new password; every session is ended\n");
    expect(await refusedRefreshes(refresh)).toEqual(["SESSION_ENDED", "SESSION_ENDED"]);
    expect((await refusalOf(logIn(here, "forgetful"))).reason).toBe("CREDENTIALS_INVALID");
    const { user } = await here.auth.login({ identifier: "forgetful", password: NEW_PASSWORD });
    expect(user?.username).toBe("forgetful");
    expect(await here.verdictOn(bystander.tokens.accessToken)).toBe("GRANTED");
  });

  it("refuses a password that a signup would not take, one from the arguments, none; and changes nothing", async () => {
    const { tokens } = await welcome(here, "careful");
    const set = (input: string) => here.run(["users", "set-password", "careful"], input);
    const complaints = complaintsOf(
      1,
      await Promise.all([set("short\n"), set("password123\n"), set("careful\n"), set("")]),
    );
    expect(
      complaints.every((text) => /^sallyport: .*password.*\n$/.test(text)),
      complaints.join(""),
    ).toBe(true);
    const told = await here.run(["users", "set-password", "careful", NEW_PASSWORD], `${NEW_PASSWORD}\n`);
    expect(complaintsOf(2, [told])[0]).toContain("too many arguments");
    expect(await here.verdictOn(tokens.accessToken)).toBe("GRANTED");
    expect((await logIn(here, "careful")).userId).toBe(tokens.user?.id);
  });
});

describe("users disable", () => {
  it("ends every session at once and keeps the user out; enable lets in again, and revives nothing", async () => {
    const { access, refresh } = await welcomeTwice("suspended");
    const { at, stdout } = await here.order(["users", "disable", "suspended"]);
    await here.expectVerdict(at, access, "SESSION_REVOKED, LOG_IN");
    expect(stdout).toBe("suspended is disabled\n");
    expect(await refusedRefreshes(refresh)).toEqual(["SESSION_ENDED", "SESSION_ENDED"]);
    expect((await refusalOf(logIn(here, "suspended"))).reason).toBe("CREDENTIALS_INVALID");

    expect((await here.order(["users", "enable", "suspended"])).stdout).toBe("suspended is active\n");
    const fresh = await logIn(here, "suspended");
    expect(await here.verdictOn(fresh.tokens.accessToken)).toBe("GRANTED");
    expect(await Promise.all(access.map(here.verdictOn))).toEqual(Array(2).fill("SESSION_REVOKED, LOG_IN"));
    expect(await refusedRefreshes(refresh)).toEqual(["SESSION_ENDED", "SESSION_ENDED"]);
  });

  it("is content where it is so already, as enable is", async () => {
    await signUp(here, "twice");
    for (const [change, state] of [
      ["disable", "disabled"],
      ["disable", "disabled"],
      ["enable", "active"],
      ["enable", "active"],
    ] as const) {
      expect((await here.order(["users", change, "twice"])).stdout).toBe(`twice is ${state}\n`);
    }
    expect(JSON.parse((await here.run(["users", "show", "twice"])).stdout)).toMatchObject({ state: "active" });
  });

  it("refuses to shut out the last administrator, whose session goes on", async () => {
    const { tokens } = await logIn(here, "root");
    expect(complaintsOf(1, [await here.run(["users", "disable", "root"])])).toEqual([
      "sallyport: somebody must hold the role admin; give it to another user first\n",
    ]);
    expect(await here.verdictOn(tokens.accessToken)).toBe("GRANTED");
  });
});

describe("A command about a user", () => {
  it.each(["show", "set-roles", "set-password", "disable", "enable"])(
    "refuses one who is not there: %s",
    async (command) => {
      const refused = ["nobody", "nobody@example.com"].map((who) => here.run(["users", command, who], NEW_PASSWORD));
      expect(complaintsOf(1, await Promise.all(refused))).toEqual(Array(2).fill("sallyport: there is no such user\n"));
    },
  );

  it("must name one", async () => {
    const nameless = ["create", "disable"].map((command) => here.run(["users", command], NEW_PASSWORD));
    for (const said of complaintsOf(2, await Promise.all(nameless))) {
      expect(said).toContain("error: missing required argument");
    }
  });
});
