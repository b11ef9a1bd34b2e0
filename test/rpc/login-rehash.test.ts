import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { userRow } from "../support/rows.ts";

/** An instance with the old cost, and one on the same database with the new one. */
let old: TestApp;
let renewed: TestApp;

beforeAll(async () => {
  old = await startApp();
  renewed = await startApp({
    dataDir: old.dataDir,
    clock: old.clock,
    settings: { SALLYPORT_ARGON2_MEMORY_KIB: "128", SALLYPORT_ARGON2_PASSES: "2" },
  });
});
afterAll(async () => {
  await renewed.close();
  await old.close();
});

const storedHash = async (userId: string) => (await userRow(old, userId)).password_hash;

describe("A stored hash", () => {
  it("is renewed by a login once the cost has moved on, and opens the account as before", async () => {
    const userId = await signUp(old, "alice");
    expect(await storedHash(userId)).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
    await logIn(renewed, "alice");
    const hash = await storedHash(userId);
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=128,t=2,p=1\$/);
    await logIn(renewed, "alice");
    expect(await storedHash(userId)).toBe(hash);
  });

  it("keeps the sessions that began before it was renewed", async () => {
    await signUp(old, "bob");
    const { tokens, account } = await logIn(old, "bob");
    await logIn(renewed, "bob");
    expect((await account.getAccount({})).user?.username).toBe("bob");
    const { refreshToken } = tokens;
    expect((await clientsOf(renewed.url).auth.refresh({ refreshToken })).sessionId).toBe(tokens.sessionId);
  });

  it("is not renewed by a login that fails", async () => {
    const userId = await signUp(old, "carol");
    const hash = await storedHash(userId);
    const { auth } = clientsOf(renewed.url);
    expect((await refusalOf(auth.login({ identifier: "carol", password: "wrong" }))).reason).toBe(
      "CREDENTIALS_INVALID",
    );
    expect(await storedHash(userId)).toBe(hash);
  });

  it("is renewed, and opens the account as before, when sixteen logins at once would renew it", async () => {
    const userId = await signUp(old, "dave");
    const outcomes = await Promise.allSettled(Array.from({ length: 16 }, () => logIn(renewed, "dave")));
    expect(outcomes.every(({ status }) => status === "fulfilled")).toBe(true);
    expect(await storedHash(userId)).toMatch(/m=128,t=2/);
    expect((await logIn(renewed, "dave")).userId).toBe(userId);
  });
});
