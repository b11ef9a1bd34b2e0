import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService, LoginRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { passwordOf, signUp } from "../support/people.ts";
import { callRaw, encoded, RAW_FORMS, type RawForm } from "../support/raw-calls.ts";
import { refusalOf } from "../support/refusals.ts";
import { changeUser } from "../support/rows.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "active");
  await changeUser(app, await signUp(app, "disabled"), { state: "disabled" });
});
afterAll(() => app.close());

/** Who fails to log in, and why. */
const FAILURES = [
  { why: "a wrong password", identifier: "active", password: "wrong" },
  { why: "an unknown name", identifier: "nobody", password: passwordOf("active") },
  { why: "an unknown address", identifier: "nobody@example.com", password: passwordOf("active") },
  { why: "a name that cannot be", identifier: "☃", password: passwordOf("active") },
  { why: "an address that cannot be", identifier: "a@b@c", password: passwordOf("active") },
  { why: "a disabled user with the right password", identifier: "disabled", password: passwordOf("disabled") },
  { why: "a disabled user with a wrong password", identifier: "disabled", password: "wrong" },
] as const;

/** All that a client sees of an answer, but for what differs between any two. */
async function bytesOf(form: RawForm, failure: { identifier: string; password: string }) {
  const message = create(LoginRequestSchema, failure);
  const answer = await callRaw(
    app.port,
    form,
    AuthService.method.login,
    encoded(form, AuthService.method.login, message),
  );
  const { "x-request-id": id, date, ...headers } = answer.headers;
  expect(id).toMatch(/^req_/);
  expect(date).toBeDefined();
  const { status, trailers, code } = answer;
  return { status, code, headers: { ...headers }, trailers: { ...trailers }, body: answer.body.toString("latin1") };
}

describe("A login that fails", () => {
  it.each(RAW_FORMS)("is answered with the same bytes, whyever it fails, over $name", async (form) => {
    const answers = await Promise.all(FAILURES.map((failure) => bytesOf(form, failure)));
    expect(answers[0]?.code).toBe("Unauthenticated");
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it.each(WIRE_FORMS)("carries the same details, whyever it fails, over $name", async ({ transport }) => {
    const { auth } = clientsOf(app.url, "", transport);
    for (const { identifier, password } of FAILURES) {
      expect(await refusalOf(auth.login({ identifier, password }))).toEqual({
        code: "Unauthenticated",
        reason: "CREDENTIALS_INVALID",
        message: "unknown user or wrong password",
        nextStep: "NEXT_STEP_LOG_IN",
        fields: [],
        retryDelayMs: null,
      });
    }
  });

  it("is on record without what was typed", async () => {
    const { auth } = clientsOf(app.url);
    await refusalOf(auth.login({ identifier: "typed-into-the-wrong-field", password: "wrong" }));
    expect(app.logText()).not.toContain("typed-into-the-wrong-field");
    const refused = app.logged().filter(({ event }) => event === "login_refused");
    expect(refused.at(-1)).toMatchObject({ level: "info", user_id: null, session_id: null, actor: null });
  });
});
