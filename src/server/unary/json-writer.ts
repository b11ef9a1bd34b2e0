/**
 * Writes messages as JSON (ProtoJSON), by a plan that is made once from the descriptor:
 * the text at once, where the library makes an object of the message and text of that.
 * The text is the one that the library writes. What it would refuse, and kinds of fields
 * that few messages have, are left to it.
 */
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { type MaybeUnchanging, writtenOf } from "../../rpc/unchanging.ts";

/** The text of a message, or `null` if it is for the library to write. */
export type WriteJson = (message: Message) => string | null;

/** The text of a value; `null`: given up. */
type Write = (value: unknown) => string | null;
/** The member of a field, `"name":value`; empty if the message does not have the field. */
type WriteField = (message: Fields) => string | null;
type Fields = MaybeUnchanging & { readonly [name: string]: unknown };
/** What is known of messages that contain themselves. */
type Plans = Map<DescMessage, { write: Write }>;

/** Text that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
/** From 1970 to the end of 9999, in seconds. */
const LATEST = 253_402_300_799;
/** In a Duration. */
const LONGEST = 315_576_000_000;
const NANOS = 1_000_000_000;

/** A writer of messages of `desc`; `null` if there is a kind of field in it that is not planned for. */
export function createJsonWriter(desc: DescMessage): WriteJson | null {
  return planOf(desc, new Map());
}

function planOf(desc: DescMessage, plans: Plans): Write | null {
  if (desc.typeName === "google.protobuf.Timestamp") return once(timestamp);
  if (desc.typeName === "google.protobuf.Duration") return once(duration);
  // The others have forms of their own.
  if (desc.typeName.startsWith("google.protobuf.")) return null;
  const known = plans.get(desc);
  if (known !== undefined) return (value) => known.write(value);
  const plan: { write: Write } = { write: () => null };
  plans.set(desc, plan);
  const planned = [...desc.fields]
    .sort((one, other) => one.number - other.number)
    .map((field) => fieldPlan(field, plans));
  const fields = planned.filter((write) => write !== null);
  if (fields.length < planned.length) return null;
  plan.write = once((value) => {
    if (!isFields(value)) return null;
    let text = "";
    for (const write of fields) {
      const member = write(value);
      if (member === null) return null;
      if (member !== "") text += text === "" ? member : `,${member}`;
    }
    return `{${text}}`;
  });
  return plan.write;
}

/** Writes a message that never changes the first time only. */
function once(write: Write): Write {
  return (value) => {
    const written = isFields(value) ? writtenOf(value) : undefined;
    if (written === undefined) return write(value);
    written.json ??= write(value);
    return written.json;
  };
}

function fieldPlan(field: DescField, plans: Plans): WriteField | null {
  const write = valuePlan(field, plans);
  if (write === null) return null;
  const { localName, oneof } = field;
  const name = `${JSON.stringify(field.jsonName)}:`;
  const member = (value: unknown) => {
    const text = write(value);
    return text === null ? null : name + text;
  };
  if (oneof !== undefined) {
    const group = oneof.localName;
    return (message) => {
      const chosen = message[group];
      if (!isFields(chosen)) return null;
      return chosen.case === localName ? member(chosen.value) : "";
    };
  }
  if (field.fieldKind === "list") {
    return (message) => {
      const items = message[localName];
      if (!Array.isArray(items)) return null;
      const text = items.length === 0 ? "" : listOf(items, write);
      return text === "" || text === null ? text : name + text;
    };
  }
  if (field.fieldKind === "message")
    return (message) => (message[localName] === undefined ? "" : member(message[localName]));
  // Of fields with presence the library asks whose property it is.
  if (field.presence !== FeatureSet_FieldPresence.IMPLICIT) return null;
  const absent = ABSENT.get(field.scalar ?? ScalarType.INT32);
  return (message) => (message[localName] === absent ? "" : member(message[localName]));
}

function listOf(items: readonly unknown[], write: Write): string | null {
  let text = "";
  for (const item of items) {
    const one = write(item);
    if (one === null) return null;
    text += text === "" ? one : `,${one}`;
  }
  return `[${text}]`;
}

/** What is not written in a field without presence. */
const ABSENT: ReadonlyMap<ScalarType, unknown> = new Map<ScalarType, unknown>([
  [ScalarType.STRING, ""],
  [ScalarType.BOOL, false],
  [ScalarType.INT32, 0],
  [ScalarType.UINT32, 0],
  [ScalarType.INT64, 0n],
  [ScalarType.UINT64, 0n],
]);

function valuePlan(field: DescField, plans: Plans): Write | null {
  if (field.fieldKind === "map") return null;
  if (field.message !== undefined) return planOf(field.message, plans);
  if (field.enum !== undefined) {
    // The one enum that is not written by name.
    if (field.enum.typeName === "google.protobuf.NullValue" || field.enum.values[0]?.number !== 0) return null;
    const names = new Map<unknown, string>(field.enum.values.map(({ number }) => [number, nameIn(field, number)]));
    return (value) => names.get(value) ?? null;
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return (value) => (typeof value === "boolean" ? String(value) : null);
    case ScalarType.INT32:
    case ScalarType.UINT32:
      return (value) => (Number.isInteger(value) ? String(value) : null);
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return (value) => (typeof value === "bigint" ? `"${value}"` : null);
    default:
      return null;
  }
}

function nameIn({ enum: desc }: DescField, number: number): string {
  return JSON.stringify(desc?.value[number]?.jsonName ?? number);
}

function text(value: unknown): string | null {
  if (typeof value !== "string") return null;
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value);
}

/** RFC 3339. */
function timestamp(value: unknown): string | null {
  const parts = partsOf(value);
  if (parts === null || parts.seconds < 0 || parts.seconds > LATEST) return null;
  const whole = new Date(parts.seconds * 1000).toISOString();
  return `"${whole.slice(0, -".000Z".length)}${fraction(parts.nanos)}Z"`;
}

function duration(value: unknown): string | null {
  const parts = partsOf(value);
  if (parts === null || parts.seconds < 0 || parts.seconds > LONGEST) return null;
  return `"${parts.seconds}${fraction(parts.nanos)}s"`;
}

function partsOf(value: unknown): { readonly seconds: number; readonly nanos: number } | null {
  if (!isFields(value) || typeof value.seconds !== "bigint") return null;
  const { nanos } = value;
  if (typeof nanos !== "number" || !Number.isInteger(nanos) || nanos < 0 || nanos >= NANOS) return null;
  return { seconds: Number(value.seconds), nanos };
}

/** Of a second: nothing, or 3, 6 or 9 digits. */
function fraction(nanos: number): string {
  if (nanos === 0) return "";
  const digits = String(nanos + NANOS).slice(1);
  if (digits.endsWith("000000")) return `.${digits.slice(0, 3)}`;
  return `.${digits.endsWith("000") ? digits.slice(0, 6) : digits}`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
