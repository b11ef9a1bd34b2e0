import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPermits } from "../../src/lib/permits.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createHashPermits, createPasswordHasher } from "../../src/passwords/password-hasher.ts";
import type { Store } from "../../src/store/store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { loginWith } from "../support/login-flow.ts";
import { endless } from "../support/patience.ts";
import { passwordOf, signUp } from "../support/people.ts";
import { changeUser, userRow } from "../support/rows.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "active");
  await changeUser(app, await signUp(app, "disabled"), { state: "disabled" });
});
afterAll(() => app.close());

/** How many hashes a login takes at the present cost, or at `passes`. */
function hashesOf(identifier: string, password: string, passes = app.config.argon2.passes): Promise<number> {
  const permits = createHashPermits(1);
  let hashes = 0;
  const counted: typeof permits.run = (work, signal) =>
    permits.run(() => {
      hashes += 1;
      return work();
    }, signal);
  const hasher = createPasswordHasher({
    random: systemRandom,
    argon2: { ...app.config.argon2, passes },
    permits: { ...permits, run: counted },
  });
  const input = { identifier, password, audiences: [], deviceName: "" };
  return app.beside(async (core) => {
    await loginWith(hasher, core, app)(input, endless).catch(() => {});
    return hashes;
  });
}

describe("The work of a login", () => {
  it.each([
    ["it succeeds", "active", passwordOf("active")],
    ["the password is wrong", "active", "wrong"],
    ["the password is empty of sense", "active", " "],
    ["the user is unknown", "nobody", passwordOf("active")],
    ["the address is unknown", "nobody@example.com", passwordOf("active")],
    ["the name cannot be", "☃", passwordOf("active")],
    ["the user is disabled", "disabled", passwordOf("disabled")],
    ["the user is disabled and the password wrong", "disabled", "wrong"],
  ])("is one hash when %s", async (_what, identifier, password) => {
    expect(await hashesOf(identifier, password)).toBe(1);
  });

  it("is a second hash only for who proved the password, when the cost has moved on", async () => {
    expect(await hashesOf("active", "wrong", 2)).toBe(1);
    expect(await hashesOf("disabled", passwordOf("disabled"), 2)).toBe(1);
    expect(await hashesOf("nobody", passwordOf("active"), 2)).toBe(1);
    const userId = await signUp(app, "returning");
    expect(await hashesOf("returning", passwordOf("returning"), 2)).toBe(2);
    expect((await userRow(app, userId)).password_hash).toContain("t=2");
    expect(await hashesOf("returning", passwordOf("returning"), 2)).toBe(1);
  });
});

describe("A login that there is no room for", () => {
  it("is refused before anything is read on its behalf", async () => {
    const { argon2 } = app.config;
    const hasher = createPasswordHasher({
      random: systemRandom,
      argon2,
      permits: createPermits({ permits: 0, queue: 0 }),
    });
    let reads = 0;
    const readAtOnce: Store["readAtOnce"] = () => {
      reads += 1;
      throw new Error("the database was asked");
    };
    await app.beside(async (core) => {
      const login = loginWith(hasher, { ...core, store: { ...core.store, readAtOnce } }, app);
      const input = { identifier: "active", password: passwordOf("active"), audiences: [], deviceName: "" };
      await expect(login(input, endless)).rejects.toMatchObject({ reason: "BUSY", retryAfterMs: 1000 });
    });
    expect(reads).toBe(0);
  });
});
