/**
 * Whether the bytes of an option can be an access rule at all. Numbers of options are
 * taken in-house by whoever likes them, and protobuf-es reads a field of a wrong wire
 * type as if it were right: somebody else's message, read as a rule, may say `public`.
 */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { AccessRuleSchema } from "../../gen/sallyport/access/v1/access_pb.ts";

/** @throws Error if an option of this number is there that is no access rule. */
export function refuseStrangeBytes(options: Message | undefined, optionNumber: number): void {
  for (const { no, wireType, data } of options?.$unknown ?? []) {
    if (no !== optionNumber) continue;
    if (wireType !== WireType.LengthDelimited) throw new Error("an option of another type");
    refuseStrangeFields(AccessRuleSchema, new BinaryReader(data).bytes());
  }
}

/** Fields of unknown numbers may be: they are another fault, with a name of its own. */
function refuseStrangeFields(message: DescMessage, bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = message.fields.find((one) => one.number === number);
    if (field === undefined) reader.skip(wireType, number);
    else if (wireType !== wireTypeOf(field)) throw new Error(`the field ${number} is of another type`);
    else if (field.fieldKind === "message") refuseStrangeFields(field.message, reader.bytes());
    else reader.skip(wireType, number);
  }
}

/** Rules are of texts, messages, and whole numbers in various clothes. */
function wireTypeOf({ fieldKind }: DescField): WireType {
  return fieldKind === "list" || fieldKind === "message" ? WireType.LengthDelimited : WireType.Varint;
}
