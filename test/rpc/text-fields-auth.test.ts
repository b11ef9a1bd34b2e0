import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizeRequestSchema, AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Chorus, startChorus } from "../support/chorus.ts";
import { METHODS } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import { describeTextFields } from "../support/text-field-suite.ts";

describeTextFields(METHODS.filter(({ method }) => method.parent === AuthService));

describe("A question in which everything is naughty is answered alike by every protocol", () => {
  const PART = 103;
  const parts = Array.from({ length: NAUGHTY_STRINGS.length / PART }, (_, index) => index * PART);
  const authorize = METHODS.find(({ method }) => method === AuthService.method.authorize);
  let chorus: Chorus;
  beforeAll(async () => {
    chorus = await startChorus();
  });
  afterAll(() => chorus.close());

  it.each(parts)("from naughty string %i on", async (start) => {
    if (authorize === undefined) throw new Error("there is no Authorize");
    const texts = NAUGHTY_STRINGS.slice(start, start + PART);
    expect(texts).toHaveLength(PART);
    for (const text of texts) {
      const question = { accessToken: text, audience: text, anyRole: [text], allPermissions: [text] };
      const { answer, refusal } = await chorus.all(authorize, create(AuthorizeRequestSchema, question));
      if (refusal === null) expect([text, answer]).toMatchObject([text, { denied: { nextStep: expect.any(String) } }]);
      else expect([text, refusal]).toMatchObject([text, { code: "InvalidArgument", reason: "REQUEST_INVALID" }]);
    }
  });
});
