import { durationFromMs, durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DenialReasonSchema } from "../../gen/sallyport/auth/v1/decision_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { type Question, verdictOf } from "../support/decisions.ts";
import { type Person, welcome, welcomeAdmin } from "../support/people.ts";

let app: TestApp;
let root: Person;
/** Holds `user` and `clerk`, which grants `orders:*`. */
let alice: Person;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_AUDIENCES: "sallyport,orders,billing" } });
  root = await welcomeAdmin(app);
  const { userId, tokens } = await welcome(app, "alice", ["sallyport", "orders"]);
  await root.admin.setRole({ name: "clerk", permissions: ["orders:*"] });
  await root.admin.setRole({ name: "idle", permissions: [] });
  await root.admin.setUserRoles({ userId, roles: ["user", "clerk"] });
  const next = await root.auth.refresh({ refreshToken: tokens.refreshToken });
  alice = { ...clientsOf(app.url, next.accessToken), tokens: { ...tokens, accessToken: next.accessToken }, userId };
});
afterAll(() => app.close());

const ask = (question: Question = {}) => root.auth.authorize({ accessToken: alice.tokens.accessToken, ...question });

/** What the answer says if the token is denied. */
async function denialOf(question: Question) {
  const { decision } = await ask(question);
  if (decision.case !== "denied") throw new Error(`the token was to be denied, but was ${decision.case}`);
  const { reason, missingRoles, missingPermissions } = decision.value;
  return { reason: DenialReasonSchema.value[reason]?.localName, missingRoles, missingPermissions };
}

describe("Authorize", () => {
  it.each(WIRE_FORMS)("says over $name whom a token speaks for, and until when", async ({ transport }) => {
    const { auth } = clientsOf(app.url, "", transport);
    const { decision, revision, asOf } = await auth.authorize({ accessToken: alice.tokens.accessToken });
    const { principal, cacheFor } = decision.case === "granted" ? decision.value : {};
    const { authTime, expiresAt, ...who } = principal ?? {};
    expect(who).toMatchObject({
      userId: alice.userId,
      username: "alice",
      roles: ["clerk", "user"],
      sessionId: alice.tokens.sessionId,
    });
    expect(authTime && timestampMs(authTime)).toBe(app.clock.now());
    expect(expiresAt && timestampMs(expiresAt)).toBe(app.clock.now() + 600_000);
    expect(cacheFor && durationMs(cacheFor)).toBe(10_000);
    expect(revision?.number).toBeGreaterThan(0n);
    expect(asOf && timestampMs(asOf)).toBe(app.clock.now());
  });

  it.each([
    [["clerk"], "GRANTED"],
    [["user"], "GRANTED"],
    [["admin", "clerk"], "GRANTED"],
    [["admin"], "ROLE_MISSING, NONE"],
    [["admin", "idle"], "ROLE_MISSING, NONE"],
    [["nosuchrole"], "ROLE_MISSING, NONE"],
    [["Clerk"], "ROLE_MISSING, NONE"],
    [["*"], "ROLE_MISSING, NONE"],
  ])("with any of the roles %j says %s", async (anyRole, verdict) => {
    expect(verdictOf(await ask({ anyRole }))).toBe(verdict);
  });

  it.each([
    [["orders:read"], "GRANTED"],
    [["orders:read", "orders:eu:write"], "GRANTED"],
    [["orders:*"], "GRANTED"],
    [["orders:read", "users:read"], "PERMISSION_MISSING, NONE"],
    [["orders"], "PERMISSION_MISSING, NONE"],
    [["ordersx:read"], "PERMISSION_MISSING, NONE"],
    [["*"], "PERMISSION_MISSING, NONE"],
  ])("with all of the permissions %j says %s", async (allPermissions, verdict) => {
    expect(verdictOf(await ask({ allPermissions }))).toBe(verdict);
  });

  it("names what is missing, and nothing that is not", async () => {
    expect(await denialOf({ anyRole: ["admin", "idle"], allPermissions: ["orders:read", "users:read"] })).toEqual({
      reason: "ROLE_MISSING",
      missingRoles: ["admin", "idle"],
      missingPermissions: ["users:read"],
    });
    expect(await denialOf({ anyRole: ["clerk"], allPermissions: ["users:read", "orders:read", "keys:write"] })).toEqual(
      {
        reason: "PERMISSION_MISSING",
        missingRoles: [],
        missingPermissions: ["users:read", "keys:write"],
      },
    );
  });

  it("asks for a role and for permissions at once", async () => {
    expect(verdictOf(await ask({ anyRole: ["clerk"], allPermissions: ["orders:read"] }))).toBe("GRANTED");
    expect(verdictOf(await ask({ anyRole: ["user"], allPermissions: ["users:read"] }))).toBe(
      "PERMISSION_MISSING, NONE",
    );
  });

  it.each([
    ["", "GRANTED"],
    ["sallyport", "GRANTED"],
    ["orders", "GRANTED"],
    ["billing", "AUDIENCE_MISMATCH, NONE"],
    ["nowhere", "AUDIENCE_MISMATCH, NONE"],
    ["Orders", "AUDIENCE_MISMATCH, NONE"],
    ["*", "AUDIENCE_MISMATCH, NONE"],
    ["http://sallyport.test", "AUDIENCE_MISMATCH, NONE"],
  ])("for the audience %j says %s", async (audience, verdict) => {
    expect(verdictOf(await ask({ audience }))).toBe(verdict);
  });

  it("takes an empty audience for the default one, never for any", async () => {
    const { tokens } = await welcome(app, "outsider", ["orders"]);
    const { accessToken } = tokens;
    expect(verdictOf(await ask({ accessToken }))).toBe("AUDIENCE_MISMATCH, NONE");
    expect(verdictOf(await ask({ accessToken, audience: "orders" }))).toBe("GRANTED");
  });

  it("says that there is no token, without an error", async () => {
    expect(verdictOf(await ask({ accessToken: "" }))).toBe("TOKEN_MISSING, LOG_IN");
  });

  it("takes the token of the question, not the one of the asker", async () => {
    expect(verdictOf(await root.auth.authorize({}))).toBe("TOKEN_MISSING, LOG_IN");
    expect(verdictOf(await root.auth.authorize({ accessToken: "x" }))).toBe("TOKEN_INVALID, LOG_IN");
  });

  it("tells a revoked token before what it lacks, so that a client logs in first", async () => {
    const { auth, tokens } = await welcome(app, "leaver");
    await auth.logout({});
    const question = { accessToken: tokens.accessToken, anyRole: ["admin"], audience: "billing" };
    expect(verdictOf(await ask(question))).toBe("SESSION_REVOKED, LOG_IN");
  });
});

describe("The time in an answer of Authorize", () => {
  /** An instance whose clock this test alone moves, and somebody who has just logged in there. */
  async function withTime(work: (own: TestApp, person: Person) => Promise<void>): Promise<void> {
    const own = await startApp();
    try {
      await work(own, await welcome(own, "alice"));
    } finally {
      await own.close();
    }
  }

  it("bounds how long ago the password was given, to the millisecond", async () => {
    await withTime(async (own, { auth, tokens }) => {
      const within = async (ms: number) =>
        verdictOf(await auth.authorize({ accessToken: tokens.accessToken, maxAuthAge: durationFromMs(ms) }));
      expect(await within(1)).toBe("GRANTED");
      own.clock.advance(60_000);
      expect(await within(60_000)).toBe("GRANTED");
      expect(await within(59_999)).toBe("AUTHENTICATION_TOO_OLD, STEP_UP");
      const { accessToken } = await auth.refresh({ refreshToken: tokens.refreshToken });
      const refreshed = await auth.authorize({ accessToken, maxAuthAge: durationFromMs(59_999) });
      expect(verdictOf(refreshed)).toBe("AUTHENTICATION_TOO_OLD, STEP_UP");
    });
  });

  it("never lets an answer be kept beyond the token, nor beyond what is known", async () => {
    await withTime(async (own, { auth, tokens }) => {
      const { accessToken } = tokens;
      const answer = async () => {
        const { decision, asOf } = await auth.authorize({ accessToken });
        if (decision.case !== "granted" || asOf === undefined) throw new Error("the token was to be granted");
        const { cacheFor, principal } = decision.value;
        return {
          until: own.clock.now() + (cacheFor === undefined ? Number.NaN : durationMs(cacheFor)),
          expiresAt: principal?.expiresAt === undefined ? Number.NaN : timestampMs(principal.expiresAt),
          asOf: timestampMs(asOf),
        };
      };
      await answer();
      for (const step of [1_000, 15_000, 300_000, 279_000, 2_000, 2_999]) {
        own.clock.advance(step);
        const { until: keptUntil, expiresAt, asOf } = await answer();
        expect(keptUntil).toBe(Math.max(own.clock.now(), Math.min(asOf + 10_000, expiresAt)));
      }
      own.clock.advance(1);
      expect(verdictOf(await auth.authorize({ accessToken }))).toBe("TOKEN_EXPIRED, REFRESH");
    });
  });

  it("follows the clock as the log is read again and again", async () => {
    await withTime(async (own, { auth, tokens }) => {
      own.clock.advance(25_000);
      const asOf = async () => {
        const answer = await auth.authorize({ accessToken: tokens.accessToken });
        return answer.asOf && timestampMs(answer.asOf);
      };
      await expect.poll(asOf, { timeout: 5_000 }).toBe(own.clock.now());
    });
  });
});
