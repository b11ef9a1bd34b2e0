/** Proxies that ask for their clients: the verdict of `Authorize`, in the words of HTTP. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { CREDENTIALS, populate, type World } from "../support/credentials.ts";
import { expectNoFault, verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { askForward, forwardedVerdict } from "../support/forward-auth.ts";
import { logIn, type Person, welcome, welcomeAdmin } from "../support/people.ts";
import { VERSIONS } from "../support/wire-raw.ts";

let app: TestApp;
let root: Person;
/** Holds `user` and `clerk`, which grants `orders:*`; with tokens for `sallyport` and `orders`. */
let alice: Person;
/** Holds `user`, with tokens for `orders` alone. */
let bob: Person;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  const { userId } = await welcome(app, "alice");
  await root.admin.setRole({ name: "clerk", permissions: ["orders:*"] });
  await root.admin.setUserRoles({ userId, roles: ["user", "clerk"] });
  alice = await logIn(app, "alice", ["sallyport", "orders"]);
  bob = await welcome(app, "bob", ["orders"]);
});
afterAll(async () => {
  expectNoFault(app);
  await app.close();
});

const bearer = ({ tokens }: Person) => `Bearer ${tokens.accessToken}`;

describe.each(VERSIONS)("Over %s", (_version, ask) => {
  const forward = (query: string, authorization: string | null) => askForward(app, query, authorization, { ask });

  it("200 says whom the token speaks for, until when, and that nobody may keep it", async () => {
    const { status, headers, told } = await forward("audience=orders&any_role=admin,clerk", bearer(alice));
    expect([status, told]).toEqual([200, null]);
    expect(headers).toMatchObject({
      "x-sallyport-user-id": alice.userId,
      "x-sallyport-username": "alice",
      "x-sallyport-session-id": alice.tokens.sessionId,
      "x-sallyport-roles": "clerk,user",
      "x-sallyport-auth-time": new Date(app.clock.now()).toISOString(),
      "x-sallyport-expires-at": new Date(app.clock.now() + 600_000).toISOString(),
      "cache-control": "no-store",
      "content-length": "0",
    });
    expect(headers["www-authenticate"]).toBeUndefined();
  });

  it("401 for no credential names the scheme, and no error, since nothing was tried", async () => {
    const { status, headers, told } = await forward("audience=orders", null);
    expect([status, headers["www-authenticate"]]).toEqual([401, 'Bearer realm="sallyport"']);
    expect(headers["cache-control"]).toBe("no-store");
    expect(told).toEqual({
      code: "unauthenticated",
      message: "send an access token in authorization",
      reason: "DENIAL_REASON_TOKEN_MISSING",
      next_step: "NEXT_STEP_LOG_IN",
    });
  });

  it("401 for a bad token is invalid_token by RFC 6750", async () => {
    const { status, headers, told } = await forward("audience=orders", "Bearer made.up.token");
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toBe(
      'Bearer realm="sallyport", error="invalid_token", error_description="not an access token of this issuer"',
    );
    expect(told).toMatchObject({ reason: "DENIAL_REASON_TOKEN_INVALID", next_step: "NEXT_STEP_LOG_IN" });
  });

  it("403 for a role or a permission is insufficient_scope, and says which", async () => {
    const role = await forward("audience=orders&any_role=admin,author&all_permissions=users:read", bearer(alice));
    expect(role.status).toBe(403);
    expect(role.headers["www-authenticate"]).toMatch(/^Bearer realm="sallyport", error="insufficient_scope", /);
    expect(role.told).toMatchObject({
      code: "permission_denied",
      reason: "DENIAL_REASON_ROLE_MISSING",
      next_step: "NEXT_STEP_NONE",
      missing_roles: ["admin", "author"],
      missing_permissions: ["users:read"],
    });
    const permission = await forward("audience=orders&all_permissions=orders:read,users:read", bearer(alice));
    expect(permission).toMatchObject({ status: 403, told: { missing_permissions: ["users:read"] } });
    expect(permission.told).not.toHaveProperty("missing_roles");
  });

  it("no refusal carries an identity", async () => {
    for (const authorization of [null, "Bearer a.b.c", bearer(bob), bearer(alice)]) {
      const { status, headers } = await forward("audience=sallyport&any_role=admin", authorization);
      expect([401, 403]).toContain(status);
      expect(Object.keys(headers).filter((name) => name.startsWith("x-sallyport-"))).toEqual([]);
    }
  });

  it.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
    "%s gets the same verdict: proxies differ in what they send",
    async (method) => {
      const of = async (authorization: string | null) =>
        (await askForward(app, "audience=orders&any_role=clerk", authorization, { ask, method })).status;
      expect([await of(null), await of(bearer(bob)), await of(bearer(alice))]).toEqual([401, 403, 200]);
    },
  );
});

describe("The password that was given too long ago", () => {
  it("is insufficient_user_authentication by RFC 9470, with the age that is asked for", async () => {
    const own = await startApp();
    const person = await welcome(own, "ada");
    const within = (age: string) => askForward(own, `audience=&max_auth_age=${age}`, bearer(person));
    expect((await within("5s")).status).toBe(200);
    own.clock.advance(5_001);
    const { status, headers, told } = await within("5s");
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toBe(
      'Bearer realm="sallyport", error="insufficient_user_authentication", ' +
        'error_description="the password was given too long ago; log in again", max_age="5"',
    );
    expect(told).toMatchObject({ next_step: "NEXT_STEP_STEP_UP" });
    expect((await within("5.5s")).status).toBe(200);
    await own.close();
  });
});

describe("A token", () => {
  it("that ended is refused at once: logout, other roles, expiry", async () => {
    const own = await startApp();
    const admin = await welcomeAdmin(own);
    const [leaver, promoted, late] = [
      await welcome(own, "leaver"),
      await welcome(own, "promoted"),
      await welcome(own, "late"),
    ];
    const verdict = async (person: Person) => forwardedVerdict(await askForward(own, "audience=", bearer(person)));
    expect([await verdict(leaver), await verdict(promoted)]).toEqual(["GRANTED", "GRANTED"]);
    await leaver.auth.logout({ refreshToken: leaver.tokens.refreshToken });
    expect(await verdict(leaver)).toBe("SESSION_REVOKED, LOG_IN");
    await admin.admin.setUserRoles({ userId: promoted.userId, roles: ["user", "admin"] });
    expect(await verdict(promoted)).toBe("PRIVILEGES_CHANGED, REFRESH");
    own.clock.advance(600_000);
    await eventually(() => verdict(late)).toBe("TOKEN_EXPIRED, REFRESH");
    await own.close();
  });

  it("is for the default audience where that is asked for, never for any", async () => {
    const verdicts = async (person: Person) =>
      Promise.all(
        ["", "sallyport", "orders", "billing"].map(async (audience) =>
          forwardedVerdict(await askForward(app, `audience=${audience}`, bearer(person))),
        ),
      );
    const not = "AUDIENCE_MISMATCH, NONE";
    expect(await verdicts(alice)).toEqual(["GRANTED", "GRANTED", "GRANTED", not]);
    expect(await verdicts(bob)).toEqual([not, not, "GRANTED", not]);
  });

  it.each([
    ["no value", ""],
    ["the scheme alone", "Bearer"],
    ["another scheme", "Basic YWxpY2U6cGFzc3dvcmQ="],
    ["two tokens", "Bearer a.b.c, Bearer a.b.c"],
    ["more than 8 KiB", `Bearer ${"a".repeat(8193)}`],
  ])("that is no credential is 401 and never 5xx: %s", async (_what, authorization) => {
    const { status, headers, told } = await askForward(app, "audience=", authorization);
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toContain('error="invalid_request"');
    expect(told).toMatchObject({ reason: expect.stringMatching(/^ERROR_REASON_/), next_step: "NEXT_STEP_NONE" });
  });
});

it("A name in any script fits into the header, and no name is taken for another", async () => {
  const names = ["zoë", "grün-weiß", "大和太郎", "per%cent", "plus+one", "semi;colon", "a,b,c", "percent%2cd"];
  const headers = await Promise.all(
    names.map(async (name) => {
      const answer = await askForward(app, "audience=", bearer(await welcome(app, name)));
      return String(answer.headers["x-sallyport-username"]);
    }),
  );
  expect(headers[0]).toBe("zo%C3%AB");
  expect(headers.filter((value) => !/^[\w.!~*'()%-]+$/.test(value))).toEqual([]);
  expect(headers.map(decodeURIComponent)).toEqual(names);
});

describe("Of all kinds of credentials", () => {
  let world: World;
  let tokens: readonly (readonly [kind: string, token: string])[];
  beforeAll(async () => {
    const [home, twin] = await Promise.all([populate(await startApp()), populate(await startApp())]);
    world = { home, twin };
    const taken: [kind: string, token: string][] = [];
    // One after another: some are taken out of the same database file.
    for (const [kind, take] of Object.entries(CREDENTIALS)) taken.push([kind, await take(world)]);
    tokens = taken;
  });
  afterAll(() => Promise.all([world.home.app.close(), world.twin.app.close()]));

  it("only access tokens of this issuer are let through", async () => {
    const through = await Promise.all(
      tokens.map(async ([kind, token]) => {
        const { status } = await askForward(world.home.app, "audience=orders", `Bearer ${token}`);
        return status === 200 ? kind : null;
      }),
    );
    expect(through.filter((kind) => kind !== null)).toEqual([
      "an access token for orders and sallyport",
      "an access token for orders",
    ]);
  });

  it("each gets the verdict of Authorize, whatever is asked for", async () => {
    const { auth } = await logIn(world.home.app, "root");
    const roles = fc.uniqueArray(fc.constantFrom("user", "admin", "clerk"), { maxLength: 2 });
    const permissions = fc.uniqueArray(fc.constantFrom("users:read", "keys:write", "orders:read"), { maxLength: 2 });
    // Half of the time a token that gets as far as the rule, whoever holds it.
    const good = tokens.filter(([kind]) => /^a user's access token|^an access token for orders and/.test(kind));
    expect(good).toHaveLength(2);
    const credential = fc.oneof(fc.constantFrom(...good), fc.constantFrom(...tokens, ["none", ""] as const));
    const fallen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          credential,
          audience: fc.constantFrom("", "sallyport", "orders", "billing"),
          anyRole: roles,
          allPermissions: permissions,
          age: fc.option(fc.integer({ min: 1, max: 900 })),
        }),
        async ({ credential: [, accessToken], audience, anyRole, allPermissions, age }) => {
          const query = [
            `audience=${audience}`,
            ...(anyRole.length > 0 ? [`any_role=${anyRole}`] : []),
            ...(allPermissions.length > 0 ? [`all_permissions=${encodeURIComponent(allPermissions.join(","))}`] : []),
            ...(age === null ? [] : [`max_auth_age=${age}s`]),
          ].join("&");
          const maxAuthAge = age === null ? {} : { maxAuthAge: durationFromMs(age * 1000) };
          const question = { accessToken, audience, anyRole, allPermissions, ...maxAuthAge };
          const wanted = verdictOf(await auth.authorize(question));
          // What does not look like a token at all is not a token to HTTP, and no token of ours to Authorize.
          const verdict = forwardedVerdict(
            await askForward(world.home.app, query, accessToken === "" ? null : `Bearer ${accessToken}`),
          );
          const isMalformed = verdict === "401 ERROR_REASON_AUTHORIZATION_MALFORMED";
          expect(isMalformed ? "TOKEN_INVALID, LOG_IN" : verdict).toBe(wanted);
          fallen.add(verdict);
        },
      ),
      // Chance might leave this one out.
      {
        numRuns: 300,
        examples: [[{ credential: ["none", ""], audience: "", anyRole: [], allPermissions: [], age: null }]],
      },
    );
    for (const verdict of ["GRANTED", "TOKEN_MISSING", "TOKEN_INVALID", "AUDIENCE_MISMATCH", "ROLE_MISSING"])
      expect(
        [...fallen].some((one) => one.startsWith(verdict)),
        verdict,
      ).toBe(true);
    expect(fallen).toContain("PERMISSION_MISSING, NONE");
  });
});
