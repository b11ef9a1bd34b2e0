import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DENIAL_REASONS } from "../../src/check/decision.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { WIRE_FORMS } from "../support/clients.ts";
import { type Contracted, call, METHODS, transportTo } from "../support/methods.ts";
import { logIn, type Person, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { ask1 } from "../support/wire-raw.ts";

const PUBLIC = METHODS.filter(({ rule }) => rule.public);
const GUARDED = METHODS.filter(({ rule }) => !rule.public);
const PERMITTED = GUARDED.filter(({ rule }) => rule.allPermissions.length > 0);
const PERMISSIONS = [...new Set(PERMITTED.flatMap(({ rule }) => rule.allPermissions))];

/** What the guard refuses with. */
const GUARD_REASONS: readonly string[] = DENIAL_REASONS;

let app: TestApp;
let root: Person;
let user: Person;
let count = 0;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  user = await welcome(app, "user");
});
afterAll(() => app.close());

/** Why the guard refuses an empty request; `null` if it lets it pass, whatever becomes of it then. */
async function guardsAgainst(
  { method }: Contracted,
  accessToken: string,
  over = transportTo(app.url),
): Promise<string | null> {
  let reason: string | null = null;
  await call(over, method, { accessToken }).catch(async (error) => {
    reason = (await refusalOf(Promise.reject(error))).reason;
  });
  return reason !== null && GUARD_REASONS.includes(reason) ? reason : null;
}

/** Somebody whose one role grants exactly these permissions. */
async function holderOf(permissions: readonly string[]): Promise<Person> {
  count += 1;
  const name = `holder${count}`;
  await root.admin.setRole({ name, permissions: [...permissions] });
  const userId = await signUp(app, name);
  await root.admin.setUserRoles({ userId, roles: [name] });
  return logIn(app, name);
}

describe("The contract", () => {
  it("leaves to anyone what the tokens in the request decide, and nothing else", () => {
    expect(PUBLIC.map(({ name }) => name).sort()).toEqual([
      "AuthService.Authorize",
      "AuthService.BatchAuthorize",
      "AuthService.Login",
      "AuthService.Logout",
      "AuthService.Refresh",
      "AuthService.Signup",
    ]);
    expect(GUARDED.length).toBeGreaterThanOrEqual(9);
  });
});

describe.each(GUARDED)("$name", (contracted) => {
  it.each(WIRE_FORMS)("is closed to nobody and to a user without its permissions, over $name", async (form) => {
    const { rule } = contracted;
    const over = transportTo(app.url, form);
    expect(await refusalOf(call(over, contracted.method))).toMatchObject({
      code: "Unauthenticated",
      reason: "TOKEN_MISSING",
      nextStep: "NEXT_STEP_LOG_IN",
    });
    const { accessToken } = user.tokens;
    const expected = rule.allPermissions.length > 0 ? "PERMISSION_MISSING" : null;
    expect(await guardsAgainst(contracted, accessToken, over)).toBe(expected);
  });

  it("is open to an admin", async () => {
    expect(await guardsAgainst(contracted, root.tokens.accessToken)).toBeNull();
  });

  it("is closed to tokens for other audiences, even an admin's", async () => {
    const elsewhere = await logIn(app, "root", ["orders", "billing"]);
    const refusal = await refusalOf(
      call(transportTo(app.url), contracted.method, { accessToken: elsewhere.tokens.accessToken }),
    );
    expect(refusal).toMatchObject({ code: "Unauthenticated", reason: "AUDIENCE_MISMATCH", nextStep: null });
  });

  it("is closed to who logged out a moment ago", async () => {
    const { tokens, auth } = await logIn(app, "root");
    await auth.logout({});
    const refusal = await refusalOf(call(transportTo(app.url), contracted.method, { accessToken: tokens.accessToken }));
    expect(refusal).toMatchObject({ code: "Unauthenticated", reason: "SESSION_REVOKED", nextStep: "NEXT_STEP_LOG_IN" });
  });

  it("is closed to refresh tokens and to what is no token", async () => {
    for (const accessToken of [root.tokens.refreshToken, "x", "x.y.z", `${root.tokens.accessToken}x`]) {
      const refusal = await refusalOf(call(transportTo(app.url), contracted.method, { accessToken }));
      expect(refusal).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_INVALID" });
    }
  });
});

describe("A permission", () => {
  it.each(PERMISSIONS)("%s opens what asks for it and nothing else", async (permission) => {
    const { accessToken } = (await holderOf([permission])).tokens;
    for (const contracted of PERMITTED) {
      const isEnough = contracted.rule.allPermissions.every((wanted) => wanted === permission);
      const reason = await guardsAgainst(contracted, accessToken);
      expect([contracted.name, reason]).toEqual([contracted.name, isEnough ? null : "PERMISSION_MISSING"]);
    }
  });

  it.each(PERMISSIONS)("other than %s does not open what asks for it", async (permission) => {
    const others = PERMISSIONS.filter((other) => other !== permission);
    const { accessToken } = (await holderOf([...others, "invoices:*", permission.replace(":", "."), `${permission}:x`]))
      .tokens;
    for (const contracted of PERMITTED.filter(({ rule }) => rule.allPermissions.includes(permission))) {
      const refusal = await refusalOf(call(transportTo(app.url), contracted.method, { accessToken }));
      expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_MISSING" });
      expect(refusal.message).toContain(permission);
    }
  });

  it("may be held by way of a prefix", async () => {
    const { accessToken } = (await holderOf(["users:*"])).tokens;
    for (const contracted of PERMITTED) {
      const isCovered = contracted.rule.allPermissions.every((wanted) => wanted.startsWith("users:"));
      expect(await guardsAgainst(contracted, accessToken)).toBe(isCovered ? null : "PERMISSION_MISSING");
    }
  });

  it("is asked for before the request is looked at", async () => {
    const setRole = METHODS.find(({ name }) => name === "AdminService.SetRole");
    if (setRole === undefined) throw new Error("there is no SetRole");
    const { accessToken } = user.tokens;
    expect((await refusalOf(call(transportTo(app.url), setRole.method, { accessToken }))).reason).toBe(
      "PERMISSION_MISSING",
    );
  });
});

describe.each(METHODS)("$name", ({ method }) => {
  it.each([
    ["another scheme", ["Basic dXNlcjpwYXNz"]],
    ["no scheme", ["abc.def.ghi"]],
    ["a scheme alone", ["Bearer"]],
    ["two tokens", ["Bearer abc def"]],
    ["two headers", ["Bearer abc", "Bearer def"]],
    ["two headers that are the same", ["Bearer abc", "Bearer abc"]],
  ])("refuses an authorization with %s", async (_what, authorization) => {
    const { status, body } = await ask1(app.port, {
      method: "POST",
      path: `/${method.parent.typeName}/${method.name}`,
      headers: { "content-type": "application/json", authorization },
      body: "{}",
    });
    expect(status).toBe(400);
    expect(JSON.parse(body.toString())).toMatchObject({
      code: "invalid_argument",
      details: [{ debug: { reason: "ERROR_REASON_AUTHORIZATION_MALFORMED" } }],
    });
  });
});
