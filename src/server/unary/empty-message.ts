import { create, type DescMessage, type Message } from "@bufbuild/protobuf";

/** A message in the making, by the names of its fields. */
export type Fields = Message & { [name: string]: unknown };

/**
 * A function that makes messages without any field, as `create` does, but from a pattern.
 * `null` for messages with oneofs, maps or fields with presence of their own.
 */
export function createEmptyMessages(desc: DescMessage): (() => Fields) | null {
  const pattern = create(desc);
  const isPlain = Object.getPrototypeOf(pattern) === Object.prototype && desc.oneofs.length === 0;
  if (!isPlain || desc.fields.some(({ fieldKind }) => fieldKind === "map")) return null;
  const lists = desc.fields.filter(({ fieldKind }) => fieldKind === "list").map(({ localName }) => localName);
  return () => {
    const message: Fields = { ...pattern };
    for (const name of lists) message[name] = [];
    return message;
  };
}

/** Whether the library has one form for messages of this kind, in binary and in JSON. */
export function isOrdinary({ typeName }: DescMessage): boolean {
  return !typeName.startsWith("google.protobuf.");
}
