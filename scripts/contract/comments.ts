/** The comments of protos, from the source information of their descriptors; generated code carries none. */
import type { DescEnumValue, DescExtension, DescField, DescMethod, DescOneof } from "@bufbuild/protobuf";
import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/** Whatever a comment may stand before. */
export type Declaration =
  | { readonly typeName: string }
  | DescField
  | DescOneof
  | DescMethod
  | DescEnumValue
  | DescExtension;

/** The comment before a declaration as it was written, without slashes; empty if there is none. */
export type CommentOf = (declaration: Declaration) => string;

type Located = readonly [path: readonly number[], fullName: string];

// Numbers of fields in descriptor.proto, which paths are made of.
const FILE = { message: 4, enum: 5, service: 6, extension: 7, syntax: 12 } as const;
const MESSAGE = { field: 2, nested: 3, enum: 4, oneof: 8 } as const;
const MEMBER = 2;

/** Reads the comments of all `files`. */
export function readComments(files: readonly FileDescriptorProto[]): CommentOf {
  const comments = new Map<string, string>();
  for (const file of files) {
    const byPath = commentsByPath(file);
    for (const [path, fullName] of declarationsOf(file)) comments.set(fullName, byPath.get(path.join()) ?? "");
  }
  return (declaration) => comments.get(fullNameOf(declaration)) ?? "";
}

/** The comment that the file opens with, before its `syntax`. */
export function openingOf(file: FileDescriptorProto): string {
  return commentsByPath(file).get(String(FILE.syntax)) ?? "";
}

function fullNameOf(declaration: Declaration): string {
  return "typeName" in declaration ? declaration.typeName : `${declaration.parent.typeName}.${declaration.name}`;
}

function commentsByPath(file: FileDescriptorProto): ReadonlyMap<string, string> {
  const locations = file.sourceCodeInfo?.location ?? [];
  return new Map(locations.map(({ path, leadingComments }) => [path.join(), leadingComments.replace(/^ /gm, "")]));
}

function declarationsOf(file: FileDescriptorProto): readonly Located[] {
  const name = (own: string) => `${file.package}.${own}`;
  return [
    ...file.messageType.flatMap((message, index) => inMessage(message, [FILE.message, index], name(message.name))),
    ...file.enumType.flatMap((declared, index) => inEnum(declared, [FILE.enum, index], name(declared.name))),
    ...file.extension.map((field, index): Located => [[FILE.extension, index], name(field.name)]),
    ...file.service.flatMap((service, index): Located[] => [
      [[FILE.service, index], name(service.name)],
      ...members(service.method, [FILE.service, index, MEMBER], name(service.name)),
    ]),
  ];
}

function inMessage(message: DescriptorProto, path: readonly number[], fullName: string): readonly Located[] {
  return [
    [path, fullName],
    ...members(message.field, [...path, MESSAGE.field], fullName),
    ...members(message.oneofDecl, [...path, MESSAGE.oneof], fullName),
    ...message.nestedType.flatMap((nested, index) =>
      inMessage(nested, [...path, MESSAGE.nested, index], `${fullName}.${nested.name}`),
    ),
    ...message.enumType.flatMap((nested, index) =>
      inEnum(nested, [...path, MESSAGE.enum, index], `${fullName}.${nested.name}`),
    ),
  ];
}

function inEnum(declared: EnumDescriptorProto, path: readonly number[], fullName: string): readonly Located[] {
  return [[path, fullName], ...members(declared.value, [...path, MEMBER], fullName)];
}

function members(named: readonly { readonly name: string }[], path: readonly number[], parent: string): Located[] {
  return named.map(({ name }, index) => [[...path, index], `${parent}.${name}`]);
}
