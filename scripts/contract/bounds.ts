/** The bounds of fields, stated as rules of protovalidate, in words. */
import { type DescField, type DescOneof, getOption, hasOption } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  FieldRulesSchema,
  field as fieldRules,
  Ignore,
  oneof as oneofRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** Two rules that make a range, and what they count. */
const RANGES = [
  ["min_len", "max_len", "code points"],
  ["min_bytes", "max_bytes", "bytes"],
  ["min_items", "max_items", "items"],
  ["gte", "lte", ""],
] as const;

/** Every other rule that the contract may use. One that is missing here stops the writing: no bound goes untold. */
const WORDS: Readonly<Record<string, (value: unknown) => string>> = {
  pattern: (value) => `matches \`${String(value)}\``,
  not_contains: (value) => `without ${named(String(value))}`,
  gt: (value) => `more than ${quantity(value)}`,
  lt: (value) => `less than ${quantity(value)}`,
  unique: () => "no two alike",
  defined_only: () => "one of those listed",
  items: (value) => `each ${isReflectMessage(value) ? wordsOf(value).join(", ") : String(value)}`,
};

/** A text as a page can show it: a lone character that is not seen goes by its number. */
function named(text: string): string {
  return /^\p{Cc}$/u.test(text) ? `U+${text.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}` : `\`${text}\``;
}

/** What a field must be besides of its type; empty if there is nothing to say. @throws Error if a rule has no words. */
export function boundsOf(field: DescField): string {
  const rules = hasOption(field, fieldRules) ? getOption(field, fieldRules) : null;
  const words = rules === null || rules.ignore === Ignore.ALWAYS ? [] : wordsOf(reflect(FieldRulesSchema, rules));
  const bounds = words.join("; ");
  return rules?.ignore === Ignore.IF_ZERO_VALUE ? `empty, or ${bounds}` : bounds;
}

/** Whether one of the oneof's fields must be set. */
export function isRequired(oneof: DescOneof): boolean {
  return hasOption(oneof, oneofRules) && getOption(oneof, oneofRules).required;
}

/** `rules` are a FieldRules, whose rules are one level down. */
function wordsOf(rules: ReflectMessage): readonly string[] {
  const required = isSet(rules, "required") ? ["required"] : [];
  const [typed] = rules.desc.oneofs.flatMap((oneof) => rules.oneofCase(oneof) ?? []);
  if (typed === undefined) return required;
  const stated = rules.get(typed);
  if (!isReflectMessage(stated)) throw new Error(`${typed.name} is no set of rules`);
  return [...required, ...statedWords(stated, typed.name)];
}

function statedWords(rules: ReflectMessage, type: string): readonly string[] {
  const stated = new Map(rules.fields.filter((field) => rules.isSet(field)).map((field) => [field.name, field]));
  const taken = (name: string): unknown => {
    const field = stated.get(name);
    stated.delete(name);
    return field === undefined ? null : rules.get(field);
  };
  const ranges = RANGES.flatMap(([least, most, unit]) =>
    rangeWords(taken(least), taken(most), type === "bytes" ? "bytes" : unit),
  );
  const others = [...stated.keys()].map((name) => {
    const words = WORDS[name];
    if (words === undefined) throw new Error(`scripts/contract/bounds.ts has no words for the rule ${type}.${name}`);
    return words(taken(name));
  });
  return [...ranges, ...others];
}

function rangeWords(least: unknown, most: unknown, unit: string): readonly string[] {
  if (least === null && most === null) return [];
  if (least === null) return [`at most ${quantity(most)} ${unit}`.trim()];
  if (most !== null) return [`${quantity(least)} to ${quantity(most)} ${unit}`.trim()];
  return [String(least) === "1" && unit !== "" ? "not empty" : `at least ${quantity(least)} ${unit}`.trim()];
}

/** A number as people write it; a duration in seconds. */
function quantity(value: unknown): string {
  if (typeof value === "bigint" || typeof value === "number") return value.toLocaleString("en-US");
  const seconds = isReflectMessage(value) ? value.fields.find(({ name }) => name === "seconds") : undefined;
  if (seconds === undefined || !isReflectMessage(value)) throw new Error("a bound is neither number nor duration");
  return `${String(value.get(seconds))} s`;
}

function isSet(rules: ReflectMessage, name: string): boolean {
  return rules.fields.some((field) => field.name === name && rules.isSet(field));
}
