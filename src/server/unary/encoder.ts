/**
 * Writes messages in protobuf's binary format, by a plan that is made once from
 * the descriptor. The library looks at the descriptor anew for each message, which
 * for a small answer costs more than everything that was done to find it.
 *
 * Writes from the end to the beginning: the length of what is nested is known by
 * the time that it has to be told. Not every kind of field is planned for; see
 * {@link createEncoder}. The bytes are those that the library writes.
 */
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { type MaybeUnchanging, writtenOf } from "../../rpc/unchanging.ts";
import { createBackwardWriter } from "./backward-writer.ts";

/** Puts a value in front of what is written. */
type Put = (value: unknown) => void;
/** Puts a field of a message there, if the message has it. */
type PutField = (message: Fields) => void;
/** A message, by the names of its fields. */
type Fields = MaybeUnchanging & { readonly [name: string]: unknown };

/** Wire types (Protocol Buffers encoding, "Message Structure"). */
const VARINT = 0;
const LENGTH_DELIMITED = 2;

const INTEGERS: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT32,
  ScalarType.UINT32,
  ScalarType.INT64,
  ScalarType.UINT64,
]);

const writer = createBackwardWriter();

/** The bytes of a message, behind so many that are left free. */
export type Encode = (message: Message, room: number) => Buffer;

/**
 * An encoder of messages of `desc`. `null` if there is a field in it of a kind that
 * is not planned for: a map, a group, a number of fixed width or with a sign bit of
 * its own, a list of numbers.
 */
export function createEncoder(desc: DescMessage): Encode | null {
  const put = planOf(desc, new Map());
  if (put === null) return null;
  return (message, room) => {
    writer.begin();
    put(message);
    return writer.written(room);
  };
}

/** What is known of messages that contain themselves: the plan will be there by the time that it is needed. */
type Plans = Map<DescMessage, { put: Put }>;

function planOf(desc: DescMessage, plans: Plans): Put | null {
  const known = plans.get(desc);
  if (known !== undefined) return (value) => known.put(value);
  const plan: { put: Put } = { put: () => {} };
  plans.set(desc, plan);
  // The library writes fields by their numbers, so the last goes first.
  const fields = [...desc.fields].sort((one, other) => other.number - one.number);
  const puts = fields.map((field) => fieldPlan(field, plans));
  if (puts.some((put) => put === null)) return null;
  const all = puts.filter((put) => put !== null);
  plan.put = (value) => {
    const message = fieldsOf(value);
    for (const put of all) put(message);
  };
  return plan.put;
}

function fieldPlan(field: DescField, plans: Plans): PutField | null {
  const put = valuePlan(field, plans);
  if (put === null) return null;
  const { localName, oneof } = field;
  if (oneof !== undefined) {
    const group = oneof.localName;
    return (message) => {
      const chosen = fieldsOf(message[group]);
      if (chosen.case === localName) put(chosen.value);
    };
  }
  if (field.fieldKind === "list") {
    return (message) => {
      const items = message[localName];
      if (!Array.isArray(items)) return;
      for (let index = items.length - 1; index >= 0; index -= 1) put(items[index]);
    };
  }
  // Without presence of its own, a field at its default is not written (proto3).
  const hasPresence = field.fieldKind === "message" || field.presence !== FeatureSet_FieldPresence.IMPLICIT;
  if (!hasPresence && field.scalar === ScalarType.BYTES) {
    return (message) => {
      const value = message[localName];
      if (!(value instanceof Uint8Array) || value.length > 0) put(value);
    };
  }
  const absent = hasPresence ? undefined : ABSENT.get(field.scalar ?? ScalarType.INT32);
  return (message) => {
    const value = message[localName];
    if (value !== absent) put(value);
  };
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

/** Puts a value with its tag. */
function valuePlan(field: DescField, plans: Plans): Put | null {
  if (field.fieldKind === "map" || (field.fieldKind === "list" && field.listKind === "enum")) return null;
  if (field.message !== undefined) {
    if (field.delimitedEncoding) return null;
    const inner = planOf(field.message, plans);
    return inner && nested(tagOf(field, LENGTH_DELIMITED), inner);
  }
  if (field.enum !== undefined) return integer(tagOf(field, VARINT));
  return scalarPlan(field, field.scalar);
}

function scalarPlan(field: DescField, scalar: ScalarType | undefined): Put | null {
  if (scalar === ScalarType.STRING) return text(tagOf(field, LENGTH_DELIMITED));
  if (scalar === ScalarType.BYTES) return bytes(tagOf(field, LENGTH_DELIMITED));
  if (scalar === undefined || field.fieldKind === "list") return null;
  if (scalar === ScalarType.BOOL || INTEGERS.has(scalar)) return integer(tagOf(field, VARINT));
  return null;
}

function tagOf({ number }: DescField, wireType: number): number {
  return number * 8 + wireType;
}

function nested(tag: number, put: Put): Put {
  return (value) => {
    const end = writer.length();
    putMessage(put, fieldsOf(value));
    writer.varint(writer.length() - end);
    writer.varint(tag);
  };
}

/** Puts a message there, or what was put there for it before if it never changes. */
function putMessage(put: Put, message: Fields): void {
  const written = writtenOf(message);
  if (written === undefined) put(message);
  else if (written.binary !== null) writer.bytes(written.binary);
  else {
    const end = writer.length();
    put(message);
    written.binary = writer.since(end);
  }
}

function text(tag: number): Put {
  return (value) => {
    const end = writer.length();
    writer.text(String(value));
    writer.varint(writer.length() - end);
    writer.varint(tag);
  };
}

function bytes(tag: number): Put {
  return (value) => {
    if (!(value instanceof Uint8Array)) throw new TypeError("a field of bytes holds something else");
    writer.bytes(value);
    writer.varint(value.length);
    writer.varint(tag);
  };
}

function integer(tag: number): Put {
  return (value) => {
    if (typeof value === "bigint") writer.varint64(value);
    else writer.integer(Number(value));
    writer.varint(tag);
  };
}

function isFields(message: unknown): message is Fields {
  return typeof message === "object" && message !== null;
}

function fieldsOf(message: unknown): Fields {
  if (!isFields(message)) throw new TypeError("a message is missing");
  return message;
}
