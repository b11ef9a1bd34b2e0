import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AuthorizeRequestSchema,
  AuthService,
  BatchAuthorizeRequestSchema,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Chorus, startChorus } from "../support/chorus.ts";
import { contracted, METHODS } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import { summaryOf, textsIn } from "../support/outcomes.ts";
import { welcome } from "../support/people.ts";
import { describeTextFields } from "../support/text-field-suite.ts";
import { CLASS_TEXTS } from "../support/unicode-classes.ts";

const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...CLASS_TEXTS])];
const MOST_BYTES_OF_A_NAME = 64;
const authorize = contracted(AuthService.method.authorize);

/** Thousands of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };

describeTextFields(METHODS.filter(({ method }) => method.parent === AuthService));

describe("By every protocol alike", () => {
  let chorus: Chorus;
  beforeAll(async () => {
    chorus = await startChorus();
  });
  afterAll(() => chorus.close());

  it("a question in which everything is naughty is answered, or refused by rule", LONG, async () => {
    expect(NAUGHTY_STRINGS).toHaveLength(515);
    const questions = NAUGHTY_STRINGS.map((text) =>
      create(AuthorizeRequestSchema, { accessToken: text, audience: text, anyRole: [text], allPermissions: [text] }),
    );
    for (const [index, { answer, refusal }] of (await chorus.each(authorize, questions)).entries()) {
      const text = NAUGHTY_STRINGS[index];
      if (refusal === null) expect([text, answer]).toMatchObject([text, { denied: { nextStep: expect.any(String) } }]);
      else expect([text, refusal]).toMatchObject([text, { code: "InvalidArgument", reason: "REQUEST_INVALID" }]);
    }
  });

  it("roles and permissions that are missing are told word by word", LONG, async () => {
    const told = [0, 0];
    for (const { app, callEach } of chorus.voices) {
      const { accessToken } = (await welcome(app, "ada")).tokens;
      const asked = [
        TEXTS.map((text) => create(AuthorizeRequestSchema, { accessToken, anyRole: [text] })),
        TEXTS.map((text) => create(AuthorizeRequestSchema, { accessToken, allPermissions: [text] })),
      ];
      for (const [kind, questions] of asked.entries()) {
        const field = ["any_role[0]", "all_permissions[0]"][kind] ?? "";
        for (const [index, { outcome }] of (await callEach(authorize, questions)).entries()) {
          if (outcome.refusal !== null) {
            expect([TEXTS[index], summaryOf(outcome.refusal)]).toEqual([
              TEXTS[index],
              `InvalidArgument REQUEST_INVALID ${field}`,
            ]);
          } else {
            const missing = ["missingRoles", "missingPermissions"].flatMap((name) => textsIn(outcome.answer, name));
            expect(missing).toEqual([TEXTS[index]]);
            told[kind] = (told[kind] ?? 0) + 1;
          }
        }
      }
    }
    expect(Math.min(...told)).toBeGreaterThan(chorus.voices.length);
  });

  it("what the caller calls its questions is told again word by word, unless it is too long", LONG, async () => {
    const isFitting = (text: string) => text !== "" && Buffer.byteLength(text) <= MOST_BYTES_OF_A_NAME;
    const outcomes = await chorus.each(
      contracted(AuthService.method.batchAuthorize),
      TEXTS.map((correlationId) =>
        create(BatchAuthorizeRequestSchema, { items: [{ correlationId, request: { accessToken: "no token" } }] }),
      ),
    );
    for (const [index, { answer, refusal }] of outcomes.entries()) {
      const text = TEXTS[index] ?? "";
      expect([text, refusal?.fields]).toEqual([text, isFitting(text) ? undefined : ["items[0].correlation_id"]]);
      if (isFitting(text)) expect(textsIn(answer, "correlationId")).toEqual([text]);
    }
    expect(TEXTS.filter(isFitting).length).toBeGreaterThan(500);
  });
});
