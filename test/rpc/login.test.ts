import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { logIn, passwordOf, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { changeUser, countSessions, deleteUser } from "../support/rows.ts";

let app: TestApp;
let aliceId: string;

beforeAll(async () => {
  app = await startApp();
  const { user } = await clientsOf(app.url).auth.signup({
    username: "alice",
    password: passwordOf("alice"),
    email: "alice@example.com",
  });
  aliceId = user?.id ?? "";
});
afterAll(() => app.close());

function login(identifier: string, password = passwordOf("alice")) {
  return clientsOf(app.url).auth.login({ identifier, password });
}

describe("Login", () => {
  it.each(WIRE_FORMS)("answers over $name with both tokens, their expiry, the session and the user", async (form) => {
    const { auth } = clientsOf(app.url, "", form.transport);
    const tokens = await auth.login({ identifier: "alice", password: passwordOf("alice") });
    const now = BigInt(app.clock.now() / 1000);
    expect(tokens.accessToken.split(".")).toHaveLength(3);
    expect(tokens.refreshToken.split(".")).toHaveLength(3);
    expect(tokens.accessTokenExpiresAt).toMatchObject({ seconds: now + 600n, nanos: 0 });
    expect(tokens.refreshTokenExpiresAt).toMatchObject({ seconds: now + 14n * 86_400n, nanos: 0 });
    expect(tokens.sessionId).toMatch(/^ses_[0-9a-f-]{36}$/);
    expect(tokens.user).toMatchObject({ id: aliceId, username: "alice", roles: ["user"] });
  });

  it.each(["alice", "ALICE", "ａｌｉｃｅ", "alice@example.com", "Alice@EXAMPLE.com"])(
    "knows the user by %s",
    async (identifier) => {
      expect((await login(identifier)).user?.id).toBe(aliceId);
    },
  );

  it.each([
    ["a space before it", " alice"],
    ["a space behind it", "alice "],
    ["a name that contains it", "alice2"],
    ["the part of the address before its @", "alice@"],
    ["another address at the domain", "bob@example.com"],
    ["a pattern", "ali%"],
    ["a piece of SQL", "alice' --"],
    ["a single character", "a"],
    ["no identifier at all, but a sign", "☃"],
  ])("does not take %s for the user", async (_what, identifier) => {
    expect(await refusalOf(login(identifier))).toMatchObject({
      code: "Unauthenticated",
      reason: "CREDENTIALS_INVALID",
      nextStep: "NEXT_STEP_LOG_IN",
    });
  });

  it.each([
    ["in another case", passwordOf("alice").toUpperCase()],
    ["with a space more", `${passwordOf("alice")} `],
    ["without its last character", passwordOf("alice").slice(0, -1)],
    ["of one character, which nobody may set", "k"],
    ["that is common, which nobody may set", "password"],
    ["of 1,024 bytes", "k".repeat(1024)],
  ])("refuses a password %s as wrong, not as malformed", async (_what, password) => {
    expect((await refusalOf(login("alice", password))).reason).toBe("CREDENTIALS_INVALID");
  });

  it("counts the bytes of a password, not its characters", async () => {
    expect((await refusalOf(login("alice", "𐐨".repeat(256)))).reason).toBe("CREDENTIALS_INVALID");
    const refusal = await refusalOf(login("alice", `${"𐐨".repeat(256)}k`));
    expect(refusal).toMatchObject({ code: "InvalidArgument", fields: ["password"] });
  });

  it("takes every spelling of a password that is one in NFC, and none that only looks alike", async () => {
    const username = "zoe";
    await clientsOf(app.url).auth.signup({ username, password: "café du ﬁlm noir Å" });
    for (const spelling of ["café du ﬁlm noir Å", "cafe\u0301 du ﬁlm noir A\u030a", "café du ﬁlm noir \u212b"]) {
      expect((await login(username, spelling)).user?.username).toBe(username);
    }
    for (const lookalike of ["café du film noir Å", "cafe du ﬁlm noir A", "сafé du ﬁlm noir Å"]) {
      expect((await refusalOf(login(username, lookalike))).reason).toBe("CREDENTIALS_INVALID");
    }
  });

  it("starts a session of its own each time", async () => {
    const tokens = await Promise.all(Array.from({ length: 5 }, () => login("alice")));
    expect(new Set(tokens.map(({ sessionId }) => sessionId)).size).toBe(5);
    expect(new Set(tokens.map(({ refreshToken }) => refreshToken)).size).toBe(5);
  });

  it("starts no session when it refuses", async () => {
    const userId = await signUp(app, "locked");
    await refusalOf(login("locked", "wrong"));
    await changeUser(app, userId, { state: "disabled" });
    await refusalOf(login("locked", passwordOf("locked")));
    expect(await countSessions(app, userId)).toBe(0);
    await changeUser(app, userId, { state: "active" });
    expect((await logIn(app, "locked")).userId).toBe(userId);
  });

  it("knows nobody by the name of a user that is gone", async () => {
    await deleteUser(app, await signUp(app, "gone"));
    expect((await refusalOf(logIn(app, "gone"))).reason).toBe("CREDENTIALS_INVALID");
  });

  it("stores neither tokens nor passwords", async () => {
    const { accessToken, refreshToken } = await login("alice");
    const stored = await app.beside(({ store }) =>
      store.read(async (db) => {
        const tables = ["users", "sessions", "audit_events", "revocations"] as const;
        return JSON.stringify(await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute())));
      }),
    );
    const secrets = [...accessToken.split("."), ...refreshToken.split("."), passwordOf("alice")];
    expect(secrets.filter((secret) => stored.includes(secret))).toEqual([]);
    expect(secrets.filter((secret) => app.logText().includes(secret))).toEqual([]);
  });
});
