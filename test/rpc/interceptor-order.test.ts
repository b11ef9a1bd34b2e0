/** The order of the chain, by the array itself and by what each neighbour depends on. */
import { trace } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { readAccessRules } from "../../src/rpc/access-rules.ts";
import { createInterceptors } from "../../src/rpc/interceptors.ts";
import { keepDeadline } from "../../src/rpc/keep-deadline.ts";
import { mapErrors } from "../../src/rpc/map-errors.ts";
import { observe } from "../../src/rpc/observe.ts";
import { stepOf } from "../../src/rpc/step.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { registerTracing } from "../support/tracing.ts";

/** A hash that takes much longer than the deadline of the test. */
const SLOW_HASHES = { SALLYPORT_ARGON2_MEMORY_KIB: "65536", SALLYPORT_ARGON2_PASSES: "24" };

it("The chain is: trace, observe, map errors, keep the deadline, guard, validate", () => {
  const chain = createInterceptors({
    rules: readAccessRules([AuthService, AdminService]),
    checker: { check: () => expect.unreachable("not asked") },
    services: { find: () => null, named: () => null },
    noteServiceUse: () => {},
  });
  expect(chain).toHaveLength(6);
  expect([observe, mapErrors, keepDeadline].map((step) => chain.indexOf(step))).toEqual([1, 2, 3]);
  // One that is no step would make every call wait for its promise.
  expect(chain.map(stepOf)).not.toContain(null);
});

describe("In the chain", () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.close());

  it("the guard refuses before the message is looked at: whoever may not send it learns nothing of its bounds", async () => {
    const tooLong = { userId: "x".repeat(1_000), roles: [] };
    expect((await refusalOf(clientsOf(app.url).admin.setUserRoles(tooLong))).reason).toBe("TOKEN_MISSING");
    const ada = await welcome(app, "ada");
    expect((await refusalOf(ada.admin.setUserRoles(tooLong))).reason).toBe("PERMISSION_MISSING");
  });

  it("the validation refuses before the handler: no work is done for a message out of bounds", async () => {
    const login = clientsOf(app.url).auth.login({ identifier: "ada", password: "x".repeat(2_000) });
    expect((await refusalOf(login)).reason).toBe("REQUEST_INVALID");
    expect(app.logged().filter(({ event }) => event === "login_refused")).toEqual([]);
  });

  it("errors are mapped around the guard and the validation, and observed as they were mapped", async () => {
    const refusal = await refusalOf(clientsOf(app.url).account.getAccount({}));
    expect(refusal).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_MISSING", nextStep: "NEXT_STEP_LOG_IN" });
    const lines = () => app.logged().filter(({ event }) => event === "request");
    await expect.poll(lines).toMatchObject([{ code: "UNAUTHENTICATED", reason: "TOKEN_MISSING" }]);
  });

  it("the deadline is kept inside of the mapping: whoever runs into it gets our reason", async () => {
    const slow = await startApp({ settings: SLOW_HASHES });
    const { status } = await fetch(`${slow.url}/sallyport.auth.v1.AuthService/Login`, {
      method: "POST",
      headers: { "content-type": "application/json", "connect-timeout-ms": "200" },
      body: JSON.stringify({ identifier: "nobody", password: "whatever it is" }),
    });
    const line = () => slow.logged().find(({ event }) => event === "request");
    await expect.poll(line).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
    await slow.close();
    expect(status).toBe(504);
  });

  it("the span is outside of all: the guard's own reading of the token happens within it", async () => {
    const tracing = registerTracing();
    const seen: (string | undefined)[] = [];
    const { now } = app.clock;
    const watched = await startApp({
      clock: {
        ...app.clock,
        now() {
          seen.push(trace.getActiveSpan()?.spanContext().spanId);
          return now();
        },
      },
    });
    await refusalOf(clientsOf(watched.url, (await welcome(app, "ada")).tokens.accessToken).account.getAccount({}));
    const { spanId } = (await tracing.span("sallyport.auth.v1.AccountService/GetAccount")).spanContext();
    await watched.close();
    tracing.unregister();
    expect(seen).toContain(spanId);
  });
});
