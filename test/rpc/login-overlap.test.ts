import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Core } from "../../src/core.ts";
import { Refusal } from "../../src/errors.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createHashPermits, createPasswordHasher, type PasswordHasher } from "../../src/passwords/password-hasher.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { loginWith } from "../support/login-flow.ts";
import { endless } from "../support/patience.ts";
import { logIn, passwordOf, signUp, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { changeUser, countSessions, deleteUser, userRow } from "../support/rows.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

function hasherAt(passes: number): PasswordHasher {
  return createPasswordHasher({
    random: systemRandom,
    argon2: { ...app.config.argon2, passes },
    permits: createHashPermits(1),
  });
}

/** A hasher that finishes its check only when `change` is committed. */
function hasherWhile(change: () => Promise<unknown>, passes = app.config.argon2.passes): PasswordHasher {
  const hasher = hasherAt(passes);
  return {
    ...hasher,
    async verify(...given) {
      const verdict = await hasher.verify(...given);
      await change();
      return verdict;
    },
  };
}

/** What becomes of a login with the right password while `change` happens: a session id, or the reason of its refusal. */
function loginWhile(username: string, change: (core: Core) => Promise<unknown>, passes?: number): Promise<string> {
  const input = { identifier: username, password: passwordOf(username), audiences: [], deviceName: "" };
  return app.beside(async (core) => {
    const login = loginWith(
      hasherWhile(() => change(core), passes),
      core,
      app,
    );
    try {
      return (await login(input, endless)).sessionId;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return error.reason;
    }
  });
}

describe("A login that overlaps", () => {
  it("nothing at all starts a session", async () => {
    const userId = await signUp(app, "calm");
    expect(await loginWhile("calm", async () => {})).toMatch(/^ses_/);
    expect(await countSessions(app, userId)).toBe(1);
  });

  it("a change of password is refused, and starts no session", async () => {
    const userId = await signUp(app, "changer");
    const change = (core: Core) => core.accountState.setPassword(userId, "a new password, just set", null);
    expect(await loginWhile("changer", change)).toBe("CREDENTIALS_INVALID");
    expect(await countSessions(app, userId)).toBe(0);
  });

  it("a change of password to the same password is refused all the same", async () => {
    const userId = await signUp(app, "repeater");
    const change = (core: Core) => core.accountState.setPassword(userId, passwordOf("repeater"), null);
    expect(await loginWhile("repeater", change)).toBe("CREDENTIALS_INVALID");
    expect(await countSessions(app, userId)).toBe(0);
    expect((await logIn(app, "repeater")).userId).toBe(userId);
  });

  it("another login that renews the hash starts a session all the same", async () => {
    const userId = await signUp(app, "renewed");
    const password_hash = await hasherAt(1).hash(passwordOf("renewed"));
    let renewals = 0;
    const renewOnce = async () => {
      renewals += 1;
      if (renewals === 1) await changeUser(app, userId, { password_hash });
    };
    expect(await loginWhile("renewed", renewOnce)).toMatch(/^ses_/);
    expect(await countSessions(app, userId)).toBe(1);
  });

  it("the disabling of its user is refused, and starts no session", async () => {
    const userId = await signUp(app, "culprit");
    const disable = () => changeUser(app, userId, { state: "disabled" });
    expect(await loginWhile("culprit", disable)).toBe("CREDENTIALS_INVALID");
    expect(await countSessions(app, userId)).toBe(0);
  });

  it("the deletion of its user is refused, and starts no session", async () => {
    const userId = await signUp(app, "leaver");
    expect(await loginWhile("leaver", () => deleteUser(app, userId))).toBe("CREDENTIALS_INVALID");
    expect(await countSessions(app, userId)).toBe(0);
  });

  it("the deletion of its user, whose name another takes, is refused", async () => {
    const userId = await signUp(app, "namesake");
    let successor = "";
    const outcome = await loginWhile("namesake", async () => {
      await deleteUser(app, userId);
      successor = await signUp(app, "namesake");
    });
    expect(outcome).toBe("CREDENTIALS_INVALID");
    expect(await countSessions(app, successor)).toBe(0);
  });

  it("a change of its user's roles is told to try again, and starts no session", async () => {
    const userId = await signUp(app, "climber");
    const outcome = await loginWhile("climber", (core) => core.assignRoles(userId, [], null));
    expect(outcome).toBe("UNAVAILABLE");
    expect(await countSessions(app, userId)).toBe(0);
    expect((await logIn(app, "climber")).tokens.user?.roles).toEqual([]);
  });

  it("another login of its user starts a second session", async () => {
    const userId = await signUp(app, "twice");
    expect(await loginWhile("twice", () => logIn(app, "twice"))).toMatch(/^ses_/);
    expect(await countSessions(app, userId)).toBe(2);
  });

  it("changes of somebody else is not disturbed", async () => {
    const { userId } = await welcome(app, "bystander");
    await signUp(app, "minding-his-own");
    const disable = () => changeUser(app, userId, { state: "disabled" });
    expect(await loginWhile("minding-his-own", disable)).toMatch(/^ses_/);
  });

  it("a change of password while its own hash is renewed leaves the changed password in place", async () => {
    const userId = await signUp(app, "renewer");
    const password_hash = await hasherAt(1).hash("a new password, just set");
    const change = () => changeUser(app, userId, { password_hash });
    expect(await loginWhile("renewer", change, 3)).toBe("CREDENTIALS_INVALID");
    expect((await userRow(app, userId)).password_hash).toBe(password_hash);
    expect((await refusalOf(logIn(app, "renewer"))).reason).toBe("CREDENTIALS_INVALID");
  });
});

describe("Whoever goes away while the password is checked", () => {
  /** What is on record of the user after a login with this password, of which nobody waits for the end. */
  async function recordedOf(username: string, password: string): Promise<readonly string[]> {
    const userId = await signUp(app, username);
    const leaving = new AbortController();
    const input = { identifier: username, password, audiences: [], deviceName: "" };
    return app.beside(async (core) => {
      const login = loginWith(
        hasherWhile(async () => leaving.abort()),
        core,
        app,
      );
      await login(input, { ...endless, signal: leaving.signal }).catch(() => {});
      const events = await core.store.read((db) =>
        db.selectFrom("audit_events").select("kind").where("user_id", "=", userId).orderBy("id").execute(),
      );
      return events.map(({ kind }) => kind);
    });
  }

  it("with the right one starts no session", async () => {
    expect(await recordedOf("hasty", passwordOf("hasty"))).toEqual(["user_created"]);
  });

  it("with a wrong one is on record all the same", async () => {
    expect(await recordedOf("guessed", "wrong")).toEqual(["user_created", "login_refused"]);
  });
});
