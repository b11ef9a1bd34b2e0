import { create, isMessage, ScalarType } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizeRequestSchema, BatchAuthorizeItemSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { ErrorReason } from "../../gen/sallyport/auth/v1/error_reason_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { expectNoFault } from "../support/decisions.ts";
import { type Contracted, call, METHODS, transportTo } from "../support/methods.ts";
import { welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { validMessage, violationsOf } from "../support/violations.ts";

let app: TestApp;
let accessToken: string;

beforeAll(async () => {
  app = await startApp();
  accessToken = (await welcomeAdmin(app)).tokens.accessToken;
});
afterAll(() => {
  expectNoFault(app);
  return app.close();
});

const CASES = METHODS.map((contracted) => ({ ...contracted, violations: violationsOf(contracted.method.input) }));
const WITH_FIELDS = CASES.filter(({ method }) => method.input.fields.length > 0);

/** The admin's token, for the methods that look at one. */
const tokenFor = ({ rule }: Contracted) => (rule.public ? "" : accessToken);

describe("The fields of requests", () => {
  it("are all bounded, so that there is a bad value for each", () => {
    const unbounded = CASES.flatMap(({ method, violations }) =>
      method.input.fields
        .filter(({ name }) => !violations.some(({ path }) => path.split(/[.[]/)[0] === name))
        .filter(({ oneof }) => oneof === undefined)
        // Both of its values are good.
        .filter(({ scalar }) => scalar !== ScalarType.BOOL)
        .map(({ name }) => `${method.input.typeName}.${name}`),
    );
    expect(unbounded).toEqual([]);
    expect(CASES.flatMap(({ violations }) => violations).length).toBeGreaterThan(150);
  });
});

describe("A message that keeps the rules", () => {
  it.each(CASES)("is not found fault with by $name", async (contracted) => {
    const { message } = validMessage(contracted.method.input);
    const outcome = await call(transportTo(app.url), contracted.method, {
      message,
      accessToken: tokenFor(contracted),
    }).then(
      () => null,
      (error) => refusalOf(Promise.reject(error)),
    );
    expect(outcome?.fields ?? []).toEqual([]);
  });
});

describe.each(WITH_FIELDS)("A message that breaks a rule of $name", (contracted) => {
  it.each(WIRE_FORMS)("is refused by the name of the field, over $name", async (form) => {
    const { method, violations } = contracted;
    const over = transportTo(app.url, form);
    const wrong: string[] = [];
    for (const { path, fault, message } of violations) {
      const options = { message: message.message, accessToken: tokenFor(contracted) };
      const { code, reason, fields } = await refusalOf(call(over, method, options));
      const told = `${code} ${reason} ${[...new Set(fields)].join(" ")}`;
      if (told !== `InvalidArgument REQUEST_INVALID ${path}`) wrong.push(`${path} ${fault}: ${told}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe("The questions of a batch", () => {
  it.each(WIRE_FORMS)("each tell the field of their own bad value, over $name", async ({ transport }) => {
    const violations = violationsOf(AuthorizeRequestSchema);
    const { auth } = clientsOf(app.url, "", transport);
    for (const { path, fault, message } of violations) {
      const request = message.message;
      if (!isMessage(request, AuthorizeRequestSchema)) throw new Error("this is no question");
      const items = [create(BatchAuthorizeItemSchema, { correlationId: "bad", request })];
      const [result] = (await auth.batchAuthorize({ items })).results;
      expect([fault, result?.outcome.value]).toMatchObject([
        fault,
        { reason: ErrorReason.REQUEST_INVALID, fields: [path] },
      ]);
    }
  });
});
