/** That every field which holds a secret says so, which the log and whoever prints messages go by. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { servicesOfContract } from "../support/contract.ts";
import { fieldsWithin, isRedacted } from "../support/redacted-fields.ts";

/** Names that secrets go by. */
const SECRET = /password|token|attempt_id|secret|api_key/;
/** Positions in a listing, authenticated but not secret: they open nothing that the caller may not see. */
const PAGE = /^(next_)?page_token$/;

const holdsText = ({ fieldKind, scalar }: DescField) =>
  fieldKind === "scalar" && (scalar === ScalarType.STRING || scalar === ScalarType.BYTES);

async function messages(): Promise<readonly DescMessage[]> {
  const methods = (await servicesOfContract()).flatMap(({ methods: own }) => own);
  return methods.flatMap(({ input, output }) => [input, output]);
}

it("Every field that is named like a secret is marked debug_redact, but for page tokens, and no other is", async () => {
  const fields = (await messages()).flatMap((message) => fieldsWithin(message)).filter(holdsText);
  const named = fields.filter(({ name }) => SECRET.test(name) && !PAGE.test(name));
  const marked = fields.filter(isRedacted);
  expect(named.length).toBeGreaterThan(10);
  expect(marked.map(String)).toEqual(named.map(String));
});
