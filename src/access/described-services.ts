/**
 * The services in files that somebody else described: a descriptor set, or what a
 * server's reflection tells. Rules stand in the options of methods and services,
 * so nothing else of a file is looked at. Messages and imports may be missing, or
 * mangled, as some servers' reflection does, and the rules are read all the same.
 */
import { create, createFileRegistry, createRegistry, type DescService, equals } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  file_google_protobuf_empty,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** Files that describe no services that could be. The message fits a terminal, whatever the file holds. */
export class DescriptionError extends Error {
  override readonly name = "DescriptionError";
}

/** The services of the files, in their order, each once. Their methods have options, names and streams, and no types. */
export function servicesIn(files: readonly FileDescriptorProto[]): readonly DescService[] {
  const found = new Map<string, ServiceDescriptorProto>();
  const bare = files.map((file, index) => ({
    ...EMPTY_FILE,
    name: `${index}.proto`,
    package: file.package,
    service: file.service.filter((service) => note(found, file.package, service)).map(withoutTypes),
  }));
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_empty.proto, ...bare] });
  const registry = createFileRegistry(set);
  return [...found.keys()].flatMap((name) => registry.getService(name) ?? []);
}

const EMPTY = ".google.protobuf.Empty";
const EMPTY_FILE = { syntax: "proto3", dependency: [file_google_protobuf_empty.proto.name] };
/** Options of ours are unknown fields to whoever has no registry. */
const EXACTLY = { unknown: true, registry: createRegistry() };
const IDENTIFIER = /^[A-Za-z_]\w*$/;
const PACKAGE = /^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?$/;

/** Whether the service is new. @throws DescriptionError if it is none, or another one of the same name. */
function note(found: Map<string, ServiceDescriptorProto>, inPackage: string, service: ServiceDescriptorProto): boolean {
  const names = [service.name, ...service.method.map(({ name }) => name)];
  if (!PACKAGE.test(inPackage) || !names.every((name) => IDENTIFIER.test(name))) {
    throw new DescriptionError("it names services or methods as no protobuf compiler would");
  }
  const typeName = inPackage === "" ? service.name : `${inPackage}.${service.name}`;
  const before = found.get(typeName);
  if (before === undefined) {
    found.set(typeName, service);
    return true;
  }
  // Which of two is served, nobody can tell: the laxer one must not hide behind the other.
  if (equals(ServiceDescriptorProtoSchema, before, service, EXACTLY)) return false;
  throw new DescriptionError(`it describes ${typeName} twice, and not the same`);
}

function withoutTypes(service: ServiceDescriptorProto) {
  return { ...service, method: service.method.map((method) => ({ ...method, inputType: EMPTY, outputType: EMPTY })) };
}
