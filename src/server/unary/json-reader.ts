/**
 * Reads messages from JSON (ProtoJSON), by a plan that is made once from the descriptor.
 *
 * Takes what clients of ours write: text just as `JSON.stringify` writes it, with the
 * fields under their JSON names and values of the plainest form. So no name stands twice,
 * and nothing has to be said about what is wrong: anything else is left to the library.
 */
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { createEmptyMessages, type Fields, isOrdinary } from "./empty-message.ts";

/** The message, or `null` if it is for the library to read. */
export type ReadJson = (bytes: Buffer) => Message | null;

/** The value of a field; `undefined`: given up. */
type Take = (json: unknown, depth: number) => unknown;
/** A field, by its JSON name. */
type PlannedField = { readonly localName: string; readonly take: Take };
/** How one kind of message is read. */
type Plan = { readonly makeEmpty: () => Fields; readonly fields: Map<string, PlannedField> };
type Plans = Map<DescMessage, Plan>;

/** What stands in text for bytes that are no UTF-8. */
const REPLACEMENT = "\ufffd";
/** At the beginning of a text, it would not be text to everybody. */
const BYTE_ORDER_MARK = "\ufeff";
/** Of messages in messages; `JSON.parse` has no bound. */
const MAX_DEPTH = 16;
const MAX_INT32 = 2 ** 31 - 1;

/** A reader of messages of `desc`; `null` if it has oneofs, maps or fields with presence of their own. */
export function createJsonReader(desc: DescMessage): ReadJson | null {
  const plan = planOf(desc, new Map());
  if (plan === null) return null;
  return (bytes) => {
    const text = bytes.toString("utf8");
    if (text.includes(REPLACEMENT) || text.startsWith(BYTE_ORDER_MARK)) return null;
    const json = parsed(text);
    return json === undefined || JSON.stringify(json) !== text ? null : (takeMessage(plan, json, 0) ?? null);
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function planOf(desc: DescMessage, plans: Plans): Plan | null {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  const makeEmpty = isOrdinary(desc) ? createEmptyMessages(desc) : null;
  if (makeEmpty === null) return null;
  const plan: Plan = { makeEmpty, fields: new Map() };
  plans.set(desc, plan);
  for (const field of desc.fields) {
    const take = takeOf(field, plans);
    if (take === null) continue;
    const { fieldKind, jsonName, localName } = field;
    plan.fields.set(jsonName, {
      localName,
      take: fieldKind === "list" ? (json, depth) => takeList(take, json, depth) : take,
    });
  }
  return plan;
}

/** How a value of the field is read; `null`: not by plan. */
function takeOf(field: DescField, plans: Plans): Take | null {
  if (field.message !== undefined) {
    const plan = planOf(field.message, plans);
    return plan && ((json, depth) => takeMessage(plan, json, depth + 1));
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return takeText;
    case ScalarType.BOOL:
      return (json) => (typeof json === "boolean" ? json : undefined);
    case ScalarType.INT32:
    case ScalarType.UINT32:
      return takeCount;
    default:
      return null;
  }
}

function takeMessage({ makeEmpty, fields }: Plan, json: unknown, depth: number): Fields | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json) || depth > MAX_DEPTH) return undefined;
  const message = makeEmpty();
  for (const [name, member] of Object.entries(json)) {
    const field = fields.get(name);
    const value = field?.take(member, depth);
    if (field === undefined || value === undefined) return undefined;
    message[field.localName] = value;
  }
  return message;
}

function takeList(take: Take, json: unknown, depth: number): unknown[] | undefined {
  if (!Array.isArray(json)) return undefined;
  const items = json.map((item: unknown) => take(item, depth));
  return items.includes(undefined) ? undefined : items;
}

/** Half of a surrogate pair can be escaped in JSON, and is no text. */
function takeText(json: unknown): string | undefined {
  return typeof json === "string" && json.isWellFormed() ? json : undefined;
}

function takeCount(json: unknown): number | undefined {
  return typeof json === "number" && Number.isInteger(json) && json >= 0 && json <= MAX_INT32 ? json : undefined;
}
