import { create, type DescField, type Message, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AuthorizeRequestSchema,
  LoginRequestSchema,
  RefreshRequestSchema,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { createPlainlyValid } from "../../src/rpc/plainly-valid.ts";
import { violationsOf } from "../../src/rpc/validate.ts";
import { METHODS } from "../support/methods.ts";

const plainlyOf = (schema: Parameters<typeof createPlainlyValid>[0]) =>
  createPlainlyValid(schema, (message) => violationsOf(schema, message).length === 0);

/** Texts of lengths around the bounds that are stated, of characters of one to four bytes. */
const aText = fc
  .tuple(
    fc.constantFrom("a", "é", "€", "😀", "a😀"),
    fc.constantFrom(0, 1, 2, 63, 64, 65, 85, 86, 128, 129, 255, 256, 257, 512, 2730, 2731, 8192, 8193),
  )
  .map(([character, length]) => character.repeat(Math.ceil(length / character.length)));
const texts = fc.oneof(
  fc.array(aText, { maxLength: 3 }),
  fc.constantFrom(32, 33, 64).map((n) => Array(n).fill("x")),
);

function arbitraryOf(field: DescField): fc.Arbitrary<unknown> {
  if (field.fieldKind === "list") return field.scalar === ScalarType.STRING ? texts : fc.constant([]);
  if (field.fieldKind !== "scalar") return fc.constant(undefined);
  if (field.scalar === ScalarType.STRING) return aText;
  if (field.scalar === ScalarType.INT32) return fc.constantFrom(0, 1, -1, 200, 201);
  return fc.constant(undefined);
}

function messagesOf(schema: (typeof METHODS)[number]["method"]["input"]): fc.Arbitrary<Message> {
  return fc.tuple(...schema.fields.map(arbitraryOf)).map((values) => {
    const message = reflect(schema, create(schema), false);
    schema.fields.forEach((field, index) => {
      const value = values[index];
      if (field.fieldKind === "list" && Array.isArray(value)) for (const item of value) message.get(field).add(item);
      else if (field.fieldKind === "scalar" && value !== undefined) message.set(field, value);
    });
    return message.message;
  });
}

describe("What is plainly valid", () => {
  it.each(METHODS)("is valid, for $name", ({ method: { input } }) => {
    const isPlain = plainlyOf(input);
    fc.assert(
      fc.property(messagesOf(input), (message) => {
        if (isPlain(message)) expect(violationsOf(input, message)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("are the questions that services ask all the time", () => {
    const isPlain = plainlyOf(AuthorizeRequestSchema);
    const question = { accessToken: "a".repeat(700), audience: "orders", anyRole: ["user"], allPermissions: ["a:b"] };
    expect(isPlain(create(AuthorizeRequestSchema, question))).toBe(true);
    expect(isPlain(create(AuthorizeRequestSchema))).toBe(true);
  });

  it.each([
    ["a token as long as may be", { accessToken: "a".repeat(8192) }],
    ["a token that is too long", { accessToken: "a".repeat(8193) }],
    ["an empty role", { anyRole: [""] }],
    ["too many roles", { anyRole: Array(33).fill("user") }],
    ["a bound on staleness", { maxStaleness: { seconds: 0n, nanos: 0 } }],
  ])("is not %s: the validator says what there is to say", (_what, fields) => {
    expect(plainlyOf(AuthorizeRequestSchema)(create(AuthorizeRequestSchema, fields))).toBe(false);
  });

  it("has what must not be empty", () => {
    const isPlain = plainlyOf(LoginRequestSchema);
    expect(isPlain(create(LoginRequestSchema))).toBe(false);
    expect(isPlain(create(LoginRequestSchema, { identifier: "ada" }))).toBe(false);
    expect(isPlain(create(LoginRequestSchema, { identifier: "ada", password: "x" }))).toBe(true);
  });

  it("are refreshes without an attempt id, which is bytes", () => {
    const isPlain = plainlyOf(RefreshRequestSchema);
    expect(isPlain(create(RefreshRequestSchema, { refreshToken: "a".repeat(400) }))).toBe(true);
    const attemptId = new Uint8Array(16);
    expect(isPlain(create(RefreshRequestSchema, { refreshToken: "a", attemptId }))).toBe(false);
  });
});
