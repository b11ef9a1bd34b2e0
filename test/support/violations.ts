/**
 * Messages that break one rule of their proto each. The rules are read from the
 * descriptors, as the server reads them; the ways to break them are thought up here.
 */
import { type DescField, type DescMessage, getOption, hasOption } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  type FieldRules,
  field as fieldOption,
  Ignore,
  oneof as oneofOption,
  type StringRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** A message with one fault: the proto path of the field at fault, and what is wrong with it. */
export type Violation = { readonly path: string; readonly fault: string; readonly message: ReflectMessage };

/** A value with one fault. For a repeated field, the list. */
type BadValue = { readonly path: string; readonly fault: string; readonly value: unknown };

/** Every way to break a rule of `desc`, or of a message in it. */
export function violationsOf(desc: DescMessage): readonly Violation[] {
  const ofFields = desc.fields.flatMap((field) =>
    badValuesOf(field).map(({ path, fault, value }) => {
      const message = validMessage(desc);
      put(message, field, value);
      return { path, fault, message };
    }),
  );
  const required = desc.oneofs.filter(
    (oneof) => hasOption(oneof, oneofOption) && getOption(oneof, oneofOption).required,
  );
  return [...ofFields, ...required.map(({ name }) => ({ path: name, fault: "none set", message: reflect(desc) }))];
}

/** A message that breaks no rule, with as little in it as that takes. */
export function validMessage(desc: DescMessage): ReflectMessage {
  const message = reflect(desc, undefined, false);
  for (const field of desc.fields) {
    const isWanted = field.oneof === undefined || field.oneof.fields[0] === field;
    const value = isWanted ? validValue(field) : undefined;
    if (value !== undefined) put(message, field, value);
  }
  return message;
}

function put(message: ReflectMessage, field: DescField, value: unknown): void {
  if (field.fieldKind !== "list") {
    message.set(field, value);
    return;
  }
  const list = message.get(field);
  list.clear();
  for (const item of Array.isArray(value) ? value : []) list.add(item);
}

function rulesOf(field: DescField): FieldRules | null {
  return hasOption(field, fieldOption) ? getOption(field, fieldOption) : null;
}

/** What a field needs in order to break no rule; `undefined` if it needs nothing. */
function validValue(field: DescField): unknown {
  const type = rulesOf(field)?.type;
  if (type?.case === "repeated" && type.value.minItems > 0n) return [validItem(field, 0)];
  if (type?.case !== "string") return undefined;
  const least = Math.max(Number(type.value.minLen), Number(type.value.minBytes));
  return least === 0 ? undefined : "a".repeat(Math.max(least, 5));
}

/** An item that breaks no rule, different for each `index`. */
function validItem(field: DescField, index: number): unknown {
  if (field.fieldKind === "list" && field.listKind === "message") return validMessage(field.message);
  return `item${index}`;
}

function badValuesOf(field: DescField): readonly BadValue[] {
  const rules = rulesOf(field);
  if (rules?.ignore === Ignore.ALWAYS) return [];
  const bad = field.fieldKind === "list" ? badLists(field, rules) : badSingles(field, rules);
  return bad.map(({ path, ...rest }) => ({ path: `${field.name}${path}`, ...rest }));
}

/** Bad values of a field that is not repeated; paths are relative to it. */
function badSingles(field: DescField, rules: FieldRules | null): readonly BadValue[] {
  if (field.fieldKind === "message" && field.message.typeName !== DurationSchema.typeName) {
    return violationsOf(field.message).map(({ path, fault, message }) => ({ path: `.${path}`, fault, value: message }));
  }
  return badScalars(rules).map(([fault, value]) => ({ path: "", fault, value }));
}

function badLists(field: DescField & { fieldKind: "list" }, rules: FieldRules | null): readonly BadValue[] {
  const {
    minItems = 0n,
    maxItems = 0n,
    unique = false,
    items = null,
  } = rules?.type.case === "repeated" ? rules.type.value : {};
  const many = (count: number) => Array.from({ length: count }, (_, index) => validItem(field, index));
  const bad: BadValue[] = [];
  if (minItems > 0n) bad.push({ path: "", fault: "too few", value: many(Number(minItems) - 1) });
  if (maxItems > 0n) bad.push({ path: "", fault: "too many", value: many(Number(maxItems) + 1) });
  if (unique) bad.push({ path: "", fault: "one twice", value: [...many(2), validItem(field, 0)] });
  for (const [fault, value] of badScalars(items)) {
    bad.push({ path: "[0]", fault, value: [value] }, { path: "[1]", fault, value: [...many(1), value] });
  }
  if (field.listKind !== "message") return bad;
  const inner = violationsOf(field.message);
  return [...bad, ...inner.map(({ path, fault, message }) => ({ path: `[0].${path}`, fault, value: [message] }))];
}

function badScalars(rules: FieldRules | null): readonly (readonly [fault: string, value: unknown])[] {
  switch (rules?.type.case) {
    case "string":
      return badTexts(rules.type.value);
    case "bytes": {
      const { minLen, maxLen } = rules.type.value;
      const sizes = { "of one byte": 1, "too short": Number(minLen) - 1, "too long": Number(maxLen) + 1 };
      return Object.entries(sizes).map(([fault, size]) => [fault, new Uint8Array(size)]);
    }
    case "int32": {
      const { greaterThan, lessThan } = rules.type.value;
      return [
        ["too small", Number(greaterThan.value) - 1],
        ["too large", Number(lessThan.value) + 1],
        ["the smallest of all", -(2 ** 31)],
        ["the largest of all", 2 ** 31 - 1],
      ];
    }
    case "uint64":
      return [
        ["too large", BigInt(rules.type.value.lessThan.value ?? 0) + 1n],
        ["the largest of all", 2n ** 64n - 1n],
      ];
    case "enum":
      return [
        ["unknown", 99],
        ["negative", -1],
      ];
    case "duration":
      return [
        ["zero", duration(0n, 0)],
        ["negative", duration(-1n, 0)],
        ["negative by a nanosecond", duration(0n, -1)],
      ];
    default:
      return [];
  }
}

const SUSPECTS = [
  " ",
  "a b",
  "Aaaaa",
  "aaaaa\n",
  "\u0000aaaa",
  "aaaaa@",
  "@aaaaa",
  "aa@aa@aa",
  "aaaa☃",
  "::::",
  "aaaa:",
];

function badTexts(rules: StringRules): readonly (readonly [fault: string, value: string])[] {
  const { minLen, maxLen, minBytes, maxBytes, pattern, notContains } = rules;
  const bad: [string, string][] = [];
  if (minLen > 0n || minBytes > 0n) bad.push(["missing", ""]);
  if (minLen > 1n)
    bad.push(["too short", "a".repeat(Number(minLen) - 1)], ["too few, but long", "𐐨".repeat(Number(minLen) - 1)]);
  if (maxLen > 0n) bad.push(["too long", "a".repeat(Number(maxLen) + 1)], ["too many", "𐐨".repeat(Number(maxLen) + 1)]);
  if (maxBytes > 0n)
    bad.push(
      ["too big", "a".repeat(Number(maxBytes) + 1)],
      ["too big, but short", "𐐨".repeat(Number(maxBytes) / 4 + 1)],
    );
  if (notContains !== "") bad.push(["with what it must not have", `aaa${notContains}aaa`]);
  const form = new RegExp(pattern, "u");
  const malformed = SUSPECTS.filter((text) => pattern !== "" && !form.test(text));
  return [...bad, ...malformed.map((text): [string, string] => [`malformed as ${JSON.stringify(text)}`, text])];
}

function duration(seconds: bigint, nanos: number): ReflectMessage {
  const message = reflect(DurationSchema);
  message.set(DurationSchema.field.seconds, seconds);
  message.set(DurationSchema.field.nanos, nanos);
  return message;
}
