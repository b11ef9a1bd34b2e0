/**
 * Reads messages in protobuf's binary format, by a plan that is made once from the
 * descriptor. The counterpart of encoder.ts.
 *
 * Reads what clients write, and gives up at anything else: a field that is not known
 * or not planned for, another wire type than the field's, text that is not UTF-8, a
 * message that comes in parts. What it gives up is for the library to read or to
 * refuse, so whatever is read here is what the library would have read.
 */
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { createEmptyMessages, type Fields, isOrdinary } from "./empty-message.ts";

/** The message, or `null` if it is for the library to read. */
export type Decode = (bytes: Buffer) => Message | null;

/** Reads a value, from behind its tag; `undefined`: given up. */
type Take = () => unknown;
/** Puts what follows a tag into the message; false: given up. */
type Put = (message: Fields) => boolean;
/** How one kind of message is read. */
type Plan = {
  readonly makeEmpty: () => Fields;
  /** By the tag. */
  readonly puts: (Put | undefined)[];
};
/** What is known of messages that contain themselves. */
type Plans = Map<DescMessage, Plan>;

/** Wire types (Protocol Buffers encoding, "Message Structure"). */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Beyond it a field would take too much room in a table. */
const LARGEST_NUMBER = 500;
/** Of messages in messages. The library bounds that, too. */
const MAX_DEPTH = 16;
/** Bytes of a varint: enough for the length of any request. */
const LONGEST_VARINT = 4;
/** Instead of a varint. */
const NONE = -1;
/** What stands in text for bytes that are no UTF-8. */
const REPLACEMENT = "\ufffd";
const NOTHING = Buffer.alloc(0);

// One message at a time is read: what it is in, how far it is read, where it ends, how deep it is.
let source: Buffer = NOTHING;
let at = 0;
let end = 0;
let depth = 0;

/** A decoder of messages of `desc`. `null` if it has oneofs, maps or fields with presence of their own. */
export function createDecoder(desc: DescMessage): Decode | null {
  const plan = planOf(desc, new Map());
  if (plan === null) return null;
  return (bytes) => {
    source = bytes;
    at = 0;
    depth = 0;
    const message = takeMessage(plan, bytes.length);
    source = NOTHING;
    return message ?? null;
  };
}

function planOf(desc: DescMessage, plans: Plans): Plan | null {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  const makeEmpty = createEmptyMessages(desc);
  if (makeEmpty === null) return null;
  const plan: Plan = { makeEmpty, puts: [] };
  plans.set(desc, plan);
  for (const field of desc.fields) {
    const found = field.number > LARGEST_NUMBER ? null : takeOf(field, plans);
    if (found !== null) plan.puts[field.number * 8 + found.wireType] = putOf(field, found.take);
  }
  return plan;
}

function putOf({ fieldKind, localName }: DescField, take: Take): Put {
  if (fieldKind === "list") {
    return (message) => {
      const value = take();
      const items = message[localName];
      return value !== undefined && Array.isArray(items) && items.push(value) > 0;
    };
  }
  const mayRepeat = fieldKind !== "message";
  return (message) => {
    const value = mayRepeat || message[localName] === undefined ? take() : undefined;
    message[localName] = value;
    return value !== undefined;
  };
}

/** How the values of a field are read, and the wire type that they have; `null`: not by plan. */
function takeOf(field: DescField, plans: Plans): { readonly wireType: number; readonly take: Take } | null {
  if (field.message !== undefined) {
    // The library has another form for those that wrap a value.
    if (field.delimitedEncoding || !(isOrdinary(field.message) || TIMES.has(field.message.typeName))) return null;
    const plan = planOf(field.message, plans);
    return plan && { wireType: LENGTH_DELIMITED, take: () => takeNested(plan) };
  }
  if (field.scalar === ScalarType.STRING) return { wireType: LENGTH_DELIMITED, take: takeText };
  if (field.fieldKind === "list") return null;
  if (field.enum !== undefined) return field.enum.open ? { wireType: VARINT, take: takeInteger } : null;
  switch (field.scalar) {
    case ScalarType.BYTES:
      return { wireType: LENGTH_DELIMITED, take: takeBytes };
    case ScalarType.BOOL:
      return { wireType: VARINT, take: takeFlag };
    case ScalarType.INT32:
    case ScalarType.UINT32:
      return { wireType: VARINT, take: takeInteger };
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return "longAsString" in field && field.longAsString ? null : { wireType: VARINT, take: takeLong };
    default:
      return null;
  }
}

const TIMES: ReadonlySet<string> = new Set(["google.protobuf.Timestamp", "google.protobuf.Duration"]);

function takeMessage({ makeEmpty, puts }: Plan, until: number): Fields | undefined {
  const message = makeEmpty();
  end = until;
  while (at < until) {
    const put = puts[takeVarint()];
    if (put === undefined || !put(message)) return undefined;
  }
  return message;
}

function takeNested(plan: Plan): Fields | undefined {
  const until = takeEnd();
  if (until === NONE || depth === MAX_DEPTH) return undefined;
  const outer = end;
  depth += 1;
  const message = takeMessage(plan, until);
  depth -= 1;
  end = outer;
  return message;
}

function takeText(): string | undefined {
  const until = takeEnd();
  if (until === NONE) return undefined;
  const text = source.toString("utf8", at, until);
  at = until;
  return text.includes(REPLACEMENT) ? undefined : text;
}

function takeBytes(): Uint8Array | undefined {
  const until = takeEnd();
  if (until === NONE) return undefined;
  const bytes = source.subarray(at, until);
  at = until;
  return bytes;
}

function takeInteger(): number | undefined {
  const value = takeVarint();
  return value === NONE ? undefined : value;
}

function takeFlag(): boolean | undefined {
  const value = takeVarint();
  return value === NONE ? undefined : value !== 0;
}

function takeLong(): bigint | undefined {
  const value = takeVarint();
  return value === NONE ? undefined : BigInt(value);
}

/** The end of what has its length in front, if that is within what is read. */
function takeEnd(): number {
  const length = takeVarint();
  return length === NONE || at + length > end ? NONE : at + length;
}

/** The number, or {@link NONE} if it is too long or cut off. */
function takeVarint(): number {
  let value = 0;
  for (let read = 0; read < LONGEST_VARINT && at < end; read += 1) {
    const byte = source[at] ?? 0;
    at += 1;
    value |= (byte & 0x7f) << (7 * read);
    if (byte < 0x80) return value;
  }
  return NONE;
}
