/** Finds proto files by what they declare, for reflection. */
import { type DescFile, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** Where things are declared. Names are full, without a leading dot. */
export type DescriptorIndex = {
  /** By the path that imports name it with, such as `google/protobuf/timestamp.proto`. */
  readonly fileByPath: (path: string) => DescFile | null;
  /** By a package's message, field, oneof, enum, enum value, extension, service or method. */
  readonly fileBySymbol: (name: string) => DescFile | null;
  readonly fileByExtension: (extendee: string, number: number) => DescFile | null;
  /** Numbers of the extensions of a message, ascending; `null` if there is no such message. */
  readonly extensionNumbers: (extendee: string) => readonly number[] | null;
  /** The file and every file that it needs, serialized: each once, and before whatever it imports. */
  readonly serialized: (file: DescFile) => Uint8Array[];
};

/** Indexes some files and everything that they import. */
export function createDescriptorIndex(roots: readonly DescFile[]): DescriptorIndex {
  const files = withImports(roots);
  const byPath = new Map(files.map((file) => [file.proto.name, file]));
  const bySymbol = new Map<string, DescFile>();
  const byExtension = new Map<string, Map<number, DescFile>>();
  const bytes = new Map<DescFile, Uint8Array>();

  for (const file of files) {
    for (const name of symbolsOf(file)) bySymbol.set(name, file);
    for (const { extendee, number } of extensionsOf(file.proto)) {
      const numbers = byExtension.get(extendee.slice(1)) ?? new Map<number, DescFile>();
      byExtension.set(extendee.slice(1), numbers.set(number, file));
    }
  }

  function serialize(file: DescFile): Uint8Array {
    const known = bytes.get(file);
    if (known) return known;
    const made = toBinary(FileDescriptorProtoSchema, file.proto);
    bytes.set(file, made);
    return made;
  }

  return {
    fileByPath: (path) => byPath.get(path) ?? null,
    fileBySymbol: (name) => bySymbol.get(name) ?? null,
    fileByExtension: (extendee, number) => byExtension.get(extendee)?.get(number) ?? null,
    extensionNumbers(extendee) {
      if (!bySymbol.has(extendee)) return null;
      return [...(byExtension.get(extendee)?.keys() ?? [])].sort((a, b) => a - b);
    },
    serialized: (file) => withImports([file]).map(serialize),
  };
}

/** The files and all that they import, directly or not: each once, and before whatever it imports. */
function withImports(roots: readonly DescFile[]): DescFile[] {
  const seen = new Set<DescFile>();
  const importsFirst: DescFile[] = [];
  function visit(file: DescFile): void {
    if (seen.has(file)) return;
    seen.add(file);
    file.dependencies.forEach(visit);
    importsFirst.push(file);
  }
  roots.forEach(visit);
  return importsFirst.reverse();
}

function* symbolsOf({ proto }: DescFile): Generator<string> {
  const scope = proto.package === "" ? "" : `${proto.package}.`;
  for (const message of proto.messageType) yield* messageSymbols(message, scope);
  for (const enumeration of proto.enumType) yield* enumSymbols(enumeration, scope);
  for (const extension of proto.extension) yield scope + extension.name;
  for (const service of proto.service) {
    yield scope + service.name;
    for (const method of service.method) yield `${scope}${service.name}.${method.name}`;
  }
}

function* messageSymbols(message: DescriptorProto, outer: string): Generator<string> {
  const name = outer + message.name;
  const scope = `${name}.`;
  yield name;
  for (const field of message.field) yield scope + field.name;
  for (const oneof of message.oneofDecl) yield scope + oneof.name;
  for (const extension of message.extension) yield scope + extension.name;
  for (const enumeration of message.enumType) yield* enumSymbols(enumeration, scope);
  for (const nested of message.nestedType) yield* messageSymbols(nested, scope);
}

/** Values are named as siblings of their enum (descriptor.proto, "EnumValueDescriptorProto"). */
function* enumSymbols(enumeration: EnumDescriptorProto, outer: string): Generator<string> {
  yield outer + enumeration.name;
  for (const value of enumeration.value) yield outer + value.name;
}

/** Extensions that a file or message declares, at any depth. */
function* extensionsOf(scope: {
  readonly extension: readonly FieldDescriptorProto[];
  readonly messageType?: readonly DescriptorProto[];
  readonly nestedType?: readonly DescriptorProto[];
}): Generator<FieldDescriptorProto> {
  yield* scope.extension;
  for (const message of scope.messageType ?? scope.nestedType ?? []) yield* extensionsOf(message);
}
