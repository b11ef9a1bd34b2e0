import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BatchAuthorizeResult } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { ErrorReasonSchema } from "../../gen/sallyport/auth/v1/error_reason_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { type Question, verdictOf } from "../support/decisions.ts";
import { type Person, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let alice: Person;

beforeAll(async () => {
  app = await startApp();
  alice = await welcome(app, "alice");
});
afterAll(() => app.close());

const token = () => alice.tokens.accessToken;

/** Asks all of them at once, each under a correlation id of its own. */
async function askAll(questions: readonly Question[]): Promise<readonly BatchAuthorizeResult[]> {
  const items = questions.map((request, index) => ({ correlationId: `q${index}`, request }));
  return (await alice.auth.batchAuthorize({ items })).results;
}

/** The verdict of a result, or why there is none and which fields are at fault. */
function outcomeOf({ outcome }: BatchAuthorizeResult): string {
  if (outcome.case === "response") return verdictOf(outcome.value);
  if (outcome.case === undefined) return "nothing";
  return [ErrorReasonSchema.value[outcome.value.reason]?.localName, ...outcome.value.fields].join(" ");
}

describe("BatchAuthorize", () => {
  it.each(WIRE_FORMS)("answers fifty questions in their order, over $name", async ({ transport }) => {
    const { auth } = clientsOf(app.url, "", transport);
    const items = Array.from({ length: 50 }, (_, index) => ({
      correlationId: `item ${50 - index}`,
      request: { accessToken: index % 3 === 0 ? token() : "x" },
    }));
    const { results } = await auth.batchAuthorize({ items });
    expect(results.map(({ correlationId }) => correlationId)).toEqual(items.map(({ correlationId }) => correlationId));
    expect(results.map(outcomeOf)).toEqual(
      items.map((_, index) => (index % 3 === 0 ? "GRANTED" : "TOKEN_INVALID, LOG_IN")),
    );
  });

  it("answers each question as Authorize would", async () => {
    const questions = [
      { accessToken: token() },
      { accessToken: token(), anyRole: ["admin"] },
      { accessToken: token(), allPermissions: ["users:read"] },
      { accessToken: token(), audience: "orders" },
      { accessToken: "" },
      { accessToken: alice.tokens.refreshToken },
    ];
    const alone = await Promise.all(questions.map((question) => alice.auth.authorize(question)));
    const together = await askAll(questions);
    expect(together.map(({ outcome }) => outcome.value)).toEqual(alone);
  });

  it("tells what fails for one item in its result alone", async () => {
    const results = await askAll([
      { accessToken: token() },
      { accessToken: token(), minRevision: { logId: "another-log", number: 1n } },
      { accessToken: "k".repeat(8193) },
      { accessToken: token(), audience: "a".repeat(257) },
      { accessToken: token(), anyRole: ["user", ""] },
      { accessToken: token(), minRevision: { logId: "", number: 0n } },
      { accessToken: token(), maxStaleness: { seconds: -1n } },
      { accessToken: token(), maxAuthAge: { seconds: 0n } },
      { accessToken: token(), anyRole: ["user"] },
    ]);
    expect(results.map(outcomeOf)).toEqual([
      "GRANTED",
      "REVISION_UNKNOWN",
      "REQUEST_INVALID access_token",
      "REQUEST_INVALID audience",
      "REQUEST_INVALID any_role[1]",
      "REQUEST_INVALID min_revision.log_id",
      "REQUEST_INVALID max_staleness",
      "REQUEST_INVALID max_auth_age",
      "GRANTED",
    ]);
    for (const { outcome } of results) if (outcome.case === "error") expect(outcome.value.message).not.toBe("");
  });

  it("tells an item without a question by its field", async () => {
    const items = [{ correlationId: "empty" }, { correlationId: "asked", request: { accessToken: token() } }];
    const { results } = await alice.auth.batchAuthorize({ items });
    expect(results.map(outcomeOf)).toEqual(["REQUEST_INVALID request", "GRANTED"]);
  });

  it("looks at each token anew, though it comes fifty times", async () => {
    const { auth, tokens } = await welcome(app, "leaver");
    const items = Array.from({ length: 50 }, (_, index) => ({
      correlationId: String(index),
      request: { accessToken: tokens.accessToken },
    }));
    expect(new Set((await auth.batchAuthorize({ items })).results.map(outcomeOf))).toEqual(new Set(["GRANTED"]));
    await auth.logout({});
    const after = (await auth.batchAuthorize({ items })).results.map(outcomeOf);
    expect(new Set(after)).toEqual(new Set(["SESSION_REVOKED, LOG_IN"]));
  });

  it.each([
    ["no items", [], "items"],
    ["51 items", Array.from({ length: 51 }, (_, index) => ({ correlationId: `q${index}` })), "items"],
    ["an item without a correlation id", [{ correlationId: "a" }, {}], "items[1].correlation_id"],
    ["a correlation id of 65 bytes", [{ correlationId: "é".repeat(33) }], "items[0].correlation_id"],
    [
      "a correlation id used twice",
      [{ correlationId: "a" }, { correlationId: "b" }, { correlationId: "a" }],
      "items[2].correlation_id",
    ],
  ])("refuses %s as a whole", async (_what, items, field) => {
    const refusal = await refusalOf(alice.auth.batchAuthorize({ items }));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID", fields: [field] });
  });

  it("takes correlation ids for different that only look alike", async () => {
    const ids = ["a", "A", " a", "é", "e\u0301", "__proto__", "constructor"];
    const items = ids.map((correlationId) => ({ correlationId, request: { accessToken: token() } }));
    const { results } = await alice.auth.batchAuthorize({ items });
    expect(results.map(({ correlationId }) => correlationId)).toEqual(ids);
    expect(new Set(results.map(outcomeOf))).toEqual(new Set(["GRANTED"]));
  });
});
