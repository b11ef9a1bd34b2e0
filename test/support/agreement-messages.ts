/** Messages of any kind, and what may come of them on the way. */
import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescOneof,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import fc from "fast-check";

/** How the server reads and writes JSON. */
export const JSON_OPTIONS = { ignoreUnknownFields: false, textDecoder: new TextDecoder("utf-8", { fatal: true }) };

const MAX_DEPTH = 3;
const text = fc.oneof(
  fc.string({ maxLength: 90 }),
  fc.string({ unit: "binary", maxLength: 10 }),
  fc.constantFrom("", "\ufeffa", "\ufffd", '"\\/\b\u2028', "\u0000", "\u007f", "\ud800x", "__proto__"),
);
const signed = fc.oneof(fc.constantFrom(0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const unsigned = fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 32 - 1), fc.nat());
const EDGES = [0n, 1n, 127n, 128n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n];
const unsignedLong = fc.oneof(fc.constantFrom(...EDGES), fc.bigInt(0n, 2n ** 63n - 1n));
const long = fc.oneof(unsignedLong, fc.constantFrom(-1n, -(2n ** 63n)), fc.bigInt(-(2n ** 40n), 0n));

/** A message of `desc` that a client or the server may make. */
export function anyMessage(desc: DescMessage): fc.Arbitrary<Message> {
  return initOf(desc, 0).map((init) => create(desc, init));
}

function initOf(desc: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  if (desc.typeName === "google.protobuf.Timestamp" || desc.typeName === "google.protobuf.Duration") {
    const seconds = fc.oneof({ weight: 5, arbitrary: fc.bigInt(0n, 2_000_000_000n) }, { weight: 1, arbitrary: long });
    const nanos = fc.oneof(fc.constantFrom(0, 1, 5_000_000, 120_000, -1), fc.nat(999_999_999));
    return fc.record({ seconds, nanos });
  }
  const members = desc.members.map((member) => [member.localName, memberOf(member, depth)] as const);
  return fc.record(Object.fromEntries(members), { requiredKeys: [] });
}

function memberOf(member: DescField | DescOneof, depth: number): fc.Arbitrary<unknown> {
  if (member.kind === "field") return fieldOf(member, depth);
  const cases = member.fields.map((field) => fieldOf(field, depth).map((value) => ({ case: field.localName, value })));
  return fc.oneof(fc.constant({ case: undefined }), ...cases);
}

function fieldOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "scalar":
      return scalarOf(field.scalar);
    case "enum":
      return enumOf(field.enum);
    case "message":
      return depth === MAX_DEPTH ? fc.constant(undefined) : initOf(field.message, depth + 1);
    case "map":
      return fc.constant({});
    case "list":
      return depth === MAX_DEPTH ? fc.constant([]) : fc.array(itemOf(field, depth), { maxLength: 3 });
  }
}

function itemOf(field: DescField & { fieldKind: "list" }, depth: number): fc.Arbitrary<unknown> {
  if (field.listKind === "message") return initOf(field.message, depth + 1);
  return field.listKind === "enum" ? enumOf(field.enum) : scalarOf(field.scalar);
}

function enumOf({ values }: DescEnum): fc.Arbitrary<number> {
  const known = fc.constantFrom(...values.map(({ number }) => number));
  return fc.oneof({ weight: 8, arbitrary: known }, { weight: 1, arbitrary: fc.constantFrom(999, -1) });
}

function scalarOf(scalar: ScalarType): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 20 });
    case ScalarType.UINT32:
      return unsigned;
    case ScalarType.UINT64:
      return unsignedLong;
    case ScalarType.INT64:
      return long;
    default:
      return signed;
  }
}

/** Bytes as they were, or with a few of them replaced, removed, or others put between them. */
export function bentBytes(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const change = fc.record({ at: fc.nat(), drop: fc.nat(2), insert: fc.uint8Array({ maxLength: 3 }) });
  return fc.array(change, { maxLength: 2 }).map((changes) =>
    changes.reduce<Buffer>((result, { at, drop, insert }) => {
      const from = at % (result.length + 1);
      return Buffer.concat([result.subarray(0, from), insert, result.subarray(from + drop)]);
    }, Buffer.from(bytes)),
  );
}

const TOKENS = [
  "{",
  "}",
  "[]",
  ",",
  " ",
  '"',
  "null",
  "1e3",
  "-0",
  '"a":1',
  '"\\ud800"',
  "\\u0041",
  "\ufeff",
  "\ufffd",
];

/** JSON as it was, with white space, or with something in it that need not be JSON. */
export function bentText(json: string): fc.Arbitrary<string> {
  const change = fc.record({ at: fc.nat(), drop: fc.nat(1), token: fc.constantFrom(...TOKENS) });
  const bent = fc.array(change, { maxLength: 2 }).map((changes) =>
    changes.reduce((result, { at, drop, token }) => {
      const from = at % (result.length + 1);
      return result.slice(0, from) + token + result.slice(from + drop);
    }, json),
  );
  const twice = fc.constant(json.replace(/^\{(.+)\}$/, "{$1,$1}"));
  return fc.oneof({ weight: 6, arbitrary: bent }, { weight: 1, arbitrary: twice });
}
