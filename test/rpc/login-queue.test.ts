import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService, LoginRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { type Person, welcome } from "../support/people.ts";
import { callRaw, encoded, RAW_FORMS } from "../support/raw-calls.ts";
import { refusalOf } from "../support/refusals.ts";

/** One hash at a time and sixteen waiting, each slow enough that what is asked meanwhile is asked of a full queue. */
const SLOW_HASHES = {
  SALLYPORT_HASH_PERMITS: "1",
  SALLYPORT_ARGON2_MEMORY_KIB: "16384",
  SALLYPORT_ARGON2_PASSES: "2",
};
const PLACES = 17;

let app: TestApp;
let alice: Person;

beforeAll(async () => {
  app = await startApp({ settings: SLOW_HASHES });
  alice = await welcome(app, "alice");
});
afterAll(() => app.close());

/** Starts logins with a wrong password; the refusal of each, and how many are still under way. */
function startLogins(count: number) {
  const { auth } = clientsOf(app.url);
  let pending = count;
  const refusals = Array.from({ length: count }, () =>
    refusalOf(auth.login({ identifier: "alice", password: "wrong" })).finally(() => {
      pending -= 1;
    }),
  );
  return { refusals, pending: () => pending };
}

describe("A full queue of password checks", () => {
  it("refuses more of them at once and says when to come back, while the others get their answer", async () => {
    const refusals = await Promise.all(startLogins(60).refusals);
    const busy = refusals.filter(({ reason }) => reason === "BUSY");
    const checked = refusals.filter(({ reason }) => reason === "CREDENTIALS_INVALID");
    expect(busy.length).toBeGreaterThan(0);
    expect(checked.length).toBeGreaterThanOrEqual(PLACES);
    expect(busy.length + checked.length).toBe(60);
    for (const refusal of busy) expect(refusal).toMatchObject({ code: "ResourceExhausted", retryDelayMs: 1000 });
  });

  it("keeps nobody from a check, a refresh or a look at an account", async () => {
    const logins = startLogins(40);
    await Promise.race(logins.refusals);
    const { accessToken, refreshToken } = alice.tokens;
    expect(verdictOf(await alice.auth.authorize({ accessToken }))).toBe("GRANTED");
    expect((await alice.account.getAccount({})).user?.username).toBe("alice");
    expect((await alice.auth.refresh({ refreshToken })).sessionId).toBe(alice.tokens.sessionId);
    expect(logins.pending()).toBeGreaterThan(0);
    await Promise.all(logins.refusals);
  });

  it("refuses signups like logins", async () => {
    const logins = startLogins(40);
    await Promise.race(logins.refusals);
    const signups = Array.from({ length: 12 }, (_, index) =>
      alice.auth.signup({ username: `impatient${index}`, password: "kites in the harbour" }),
    );
    const outcomes = await Promise.allSettled(signups);
    const refused = await Promise.all(
      outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [refusalOf(Promise.reject(outcome.reason))] : [])),
    );
    expect(refused.length).toBeGreaterThan(0);
    for (const refusal of refused) {
      expect(refusal).toMatchObject({ code: "ResourceExhausted", reason: "BUSY", retryDelayMs: 1000 });
    }
    await Promise.all(logins.refusals);
  });

  it("answers at the deadline whoever waits in it, over every form", async () => {
    const logins = startLogins(8);
    await Promise.race(logins.refusals);
    const { login } = AuthService.method;
    const message = create(LoginRequestSchema, { identifier: "alice", password: "wrong" });
    const answers = RAW_FORMS.map(async (form) => {
      const deadline = form.isFramed ? { "grpc-timeout": "25m" } : { "connect-timeout-ms": "25" };
      const { code } = await callRaw(app.port, form, login, encoded(form, login, message), deadline);
      return [form.name, code];
    });
    expect(await Promise.all(answers)).toEqual(RAW_FORMS.map(({ name }) => [name, "DeadlineExceeded"]));
    expect(logins.pending()).toBeGreaterThan(0);
    await Promise.all(logins.refusals);
  });

  it("is empty again afterwards", async () => {
    await Promise.all(startLogins(30).refusals);
    const [refusal] = await Promise.all(startLogins(1).refusals);
    expect(refusal?.reason).toBe("CREDENTIALS_INVALID");
  });
});
