/** What `Authorize` decides. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import {
  type AuthorizeRequestSchema,
  type AuthorizeResponse,
  AuthService,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { DenialReasonSchema, NextStepSchema } from "../../gen/sallyport/auth/v1/decision_pb.ts";
import type { TestApp } from "./app.ts";
import { clientsOf, WIRE_FORMS } from "./clients.ts";

/** A question to `Authorize`. */
export type Question = MessageInitShape<typeof AuthorizeRequestSchema>;

/** `GRANTED`, or the reason and the next step of a denial: `TOKEN_INVALID, LOG_IN`. */
export type Verdict = string;

/** Asks the instance; rejects if it answers with an error. */
export type Judge = (question: Question) => Promise<Verdict>;

const FORMS = WIRE_FORMS.filter(({ name }) => /^(Connect JSON over HTTP\/1.1|gRPC over HTTP\/2)$/.test(name));

/** Asks over Connect JSON and over gRPC, twice each, and fails unless all four answers are the same. */
export function createJudge(app: TestApp): Judge {
  const clients = FORMS.map(({ transport }) => clientsOf(app.url, "", transport).auth);
  return async (question) => {
    const verdicts: Verdict[] = [];
    for (const client of [...clients, ...clients]) verdicts.push(verdictOf(await client.authorize(question)));
    expect(new Set(verdicts).size, `one verdict of ${AuthService.method.authorize.name}: ${verdicts}`).toBe(1);
    return verdicts[0] ?? "";
  };
}

/** The decision in an answer. */
export function verdictOf({ decision }: AuthorizeResponse): Verdict {
  if (decision.case === "granted") return "GRANTED";
  if (decision.case === undefined) return "no decision";
  const { reason, nextStep } = decision.value;
  return `${DenialReasonSchema.value[reason]?.localName}, ${NextStepSchema.value[nextStep]?.localName}`;
}

/** Fails if the instance called anything a fault of its own. */
export function expectNoFault(app: TestApp): void {
  expect(app.logged().filter(({ level, code }) => level === "error" || code === "INTERNAL")).toEqual([]);
}
