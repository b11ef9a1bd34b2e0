/**
 * Prints a file descriptor as .proto source: names, numbers, types, labels,
 * oneofs, enums, extensions and extension ranges. Comments are lost, and so are
 * custom options: what is printed serves to compile against, not to read.
 * Covers proto2 and proto3 without groups, maps and services.
 */
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { FieldDescriptorProto_Label, FieldDescriptorProto_Type } from "@bufbuild/protobuf/wkt";

const MAX_FIELD_NUMBER_END = 536_870_912;

/** The source text of `file`; compiling it yields the same descriptor, but for comments and custom options. */
export function printProto(file: FileDescriptorProto): string {
  const syntax = file.syntax || "proto2";
  const lines = [
    `syntax = "${syntax}";`,
    `package ${file.package};`,
    ...file.dependency.map((path) => `import "${path}";`),
    ...fileOptions(file),
    ...file.extension.flatMap((field) => [`extend ${field.extendee} {`, ...printField(field, syntax), "}"]),
    ...file.enumType.flatMap(printEnum),
    ...file.messageType.flatMap((message) => printMessage(message, syntax)),
  ];
  return `${lines.join("\n")}\n`;
}

function fileOptions({ options }: FileDescriptorProto): string[] {
  if (!options) return [];
  return [
    ...(options.goPackage ? [`option go_package = "${options.goPackage}";`] : []),
    ...(options.javaPackage ? [`option java_package = "${options.javaPackage}";`] : []),
    ...(options.javaOuterClassname ? [`option java_outer_classname = "${options.javaOuterClassname}";`] : []),
    ...(options.javaMultipleFiles ? ["option java_multiple_files = true;"] : []),
  ];
}

function printMessage(message: DescriptorProto, syntax: string): string[] {
  const loose = message.field.filter((field) => !isOneofMember(field));
  return [
    `message ${message.name} {`,
    ...message.nestedType.flatMap((nested) => printMessage(nested, syntax)),
    ...message.enumType.flatMap(printEnum),
    ...loose.flatMap((field) => printField(field, syntax)),
    ...message.oneofDecl.flatMap((oneof, index) => {
      const members = message.field.filter((field) => isOneofMember(field) && field.oneofIndex === index);
      return members.length === 0
        ? []
        : [`oneof ${oneof.name} {`, ...members.flatMap((field) => printField(field, syntax, true)), "}"];
    }),
    ...message.extensionRange.map(
      ({ start, end }) => `extensions ${start} to ${end === MAX_FIELD_NUMBER_END ? "max" : end - 1};`,
    ),
    ...message.reservedRange.map(({ start, end }) => `reserved ${start} to ${end - 1};`),
    ...message.reservedName.map((name) => `reserved "${name}";`),
    "}",
  ];
}

function printEnum(declaration: EnumDescriptorProto): string[] {
  return [
    `enum ${declaration.name} {`,
    ...(declaration.options?.allowAlias ? ["option allow_alias = true;"] : []),
    ...declaration.value.map(({ name, number }) => `${name} = ${number};`),
    ...declaration.reservedRange.map(({ start, end }) => `reserved ${start} to ${end};`),
    "}",
  ];
}

function printField(field: FieldDescriptorProto, syntax: string, inOneof = false): string[] {
  const label = inOneof ? "" : printLabel(field, syntax);
  const options = [
    ...(field.defaultValue ? [`default = ${field.defaultValue}`] : []),
    ...(field.options?.deprecated ? ["deprecated = true"] : []),
  ];
  return [
    `${label}${typeName(field)} ${field.name} = ${field.number}${options.length ? ` [${options.join(", ")}]` : ""};`,
  ];
}

function printLabel(field: FieldDescriptorProto, syntax: string): string {
  if (field.label === FieldDescriptorProto_Label.REPEATED) return "repeated ";
  if (field.label === FieldDescriptorProto_Label.REQUIRED) return "required ";
  return syntax === "proto2" || field.proto3Optional ? "optional " : "";
}

function typeName(field: FieldDescriptorProto): string {
  if (field.typeName) return field.typeName;
  return (FieldDescriptorProto_Type[field.type] ?? "").toLowerCase();
}

/** An `optional` of proto3 lives in a oneof of its own, which is not written down. */
function isOneofMember(field: FieldDescriptorProto): boolean {
  return Object.hasOwn(field, "oneofIndex") && !field.proto3Optional;
}
