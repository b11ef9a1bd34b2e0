/**
 * Tells at a glance that a message keeps the rules of its proto: one of short texts and
 * empty fields, as most requests are. Whatever takes more than a glance is left to the
 * validator, which alone says what is wrong.
 */
import {
  create,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  FieldRulesSchema,
  field as fieldOption,
  Ignore,
  message as messageOption,
  type RepeatedRules,
  RepeatedRulesSchema,
  type StringRules,
  StringRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** True if the message surely keeps its rules; false if that is not plain. */
export type PlainlyValid = (message: Message) => boolean;

/** Whether a value that is not empty plainly keeps the rules of its field. */
type Glance = (value: unknown) => boolean;

const always: Glance = () => true;
const never: Glance = () => false;

/** Most bytes in UTF-8 of one unit of UTF-16. */
const BYTES_PER_UNIT = 3;

/** A {@link PlainlyValid} for messages of `desc`, by its rules. `isValid` is the validator. */
export function createPlainlyValid(desc: DescMessage, isValid: (message: Message) => boolean): PlainlyValid {
  if (hasOption(desc, messageOption) || desc.oneofs.length > 0) return never;
  const sample: Message & { [name: string]: unknown } = { ...create(desc) };
  const glances = desc.fields.map((field) => {
    const least = leastText(field);
    if (least > 0) sample[field.localName] = "x".repeat(least);
    return { name: field.localName, mayBeEmpty: least === 0, glance: glanceAt(field) };
  });
  // Where all that may be empty is, and that is valid, whatever is empty is.
  if (!isValid(sample)) return never;
  return (message) => {
    for (const { name, mayBeEmpty, glance } of glances) {
      const value: unknown = Reflect.get(message, name);
      if (!(mayBeEmpty && isEmpty(value)) && !glance(value)) return false;
    }
    return true;
  };
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "" || value === 0) return true;
  return (Array.isArray(value) || value instanceof Uint8Array) && value.length === 0;
}

/** The length of the shortest text that the field may hold; 0 if that is none, or the field holds no text. */
function leastText(field: DescField): number {
  if (field.fieldKind !== "scalar" || field.scalar !== ScalarType.STRING || !hasOption(field, fieldOption)) return 0;
  const { type, ignore } = getOption(field, fieldOption);
  if (type.case !== "string" || ignore !== Ignore.UNSPECIFIED) return 0;
  return Math.max(Number(type.value.minLen), Number(type.value.minBytes));
}

function glanceAt(field: DescField): Glance {
  // A message has rules inside.
  if (field.message !== undefined) return never;
  if (!hasOption(field, fieldOption)) return always;
  const rules = getOption(field, fieldOption);
  const [stated, ...more] = namesOfStated(FieldRulesSchema, rules);
  if (more.length > 0) return never;
  if (stated === "string" && rules.type.case === "string") return text(rules.type.value);
  return stated === "repeated" && rules.type.case === "repeated" ? texts(rules.type.value) : never;
}

function text(rules: StringRules): Glance {
  const stated = namesOfStated(StringRulesSchema, rules);
  if (!areAmong(["min_len", "max_len", "min_bytes", "max_bytes"], stated)) return never;
  const { minLen, maxLen, minBytes, maxBytes } = rules;
  // Two units may be one code point, but not less; and one byte each at least.
  const atLeast = Math.max(2 * Number(minLen) - 1, Number(minBytes));
  const atMost = Math.min(
    stated.includes("max_len") ? Number(maxLen) : Number.POSITIVE_INFINITY,
    stated.includes("max_bytes") ? Number(maxBytes) / BYTES_PER_UNIT : Number.POSITIVE_INFINITY,
  );
  return (value) => typeof value === "string" && value.length >= atLeast && value.length <= atMost;
}

function texts(rules: RepeatedRules): Glance {
  const { items, maxItems } = rules;
  if (!areAmong(["max_items", "items"], namesOfStated(RepeatedRulesSchema, rules)) || items === undefined) return never;
  if (!areAmong(["string"], namesOfStated(FieldRulesSchema, items)) || items.type.case !== "string") return never;
  const glance = text(items.type.value);
  return (value) => Array.isArray(value) && value.length <= Number(maxItems) && value.every(glance);
}

/** The names of the rules that are stated. */
function namesOfStated<Desc extends DescMessage>(desc: Desc, rules: Message<Desc["typeName"]>): readonly string[] {
  const stated = reflect(desc, rules as never);
  return desc.fields.filter((field) => stated.isSet(field)).map(({ name }) => name);
}

function areAmong(known: readonly string[], names: readonly string[]): boolean {
  return names.every((name) => known.includes(name));
}
