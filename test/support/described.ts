/** Services of somebody's protos, made without a compiler. */
import {
  create,
  createFileRegistry,
  type DescService,
  fromBinary,
  type MessageInitShape,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_empty,
  MethodOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { AccessRuleSchema, default_rule, rule } from "../../gen/sallyport/access/v1/access_pb.ts";

/** A rule as a proto states it. */
export type Stated = MessageInitShape<typeof AccessRuleSchema>;

/** A method, its rule, or the bytes of an option of that number. */
type Method = {
  readonly name: string;
  readonly rule?: Stated;
  readonly bytes?: Uint8Array;
  readonly streams?: boolean;
};

/** The file of a service in the package `shop.v1`, as another program would write it: options are bytes in it. */
export function fileOf(name: string, methods: readonly Method[], standard?: Stated): FileDescriptorProto {
  const service = {
    name,
    method: methods.map((method) => ({
      name: method.name,
      inputType: ".google.protobuf.Empty",
      outputType: ".google.protobuf.Empty",
      serverStreaming: method.streams ?? false,
      options: methodOptions(method),
    })),
    options: create(ServiceOptionsSchema),
  };
  if (standard !== undefined) setExtension(service.options, default_rule, create(AccessRuleSchema, standard));
  const file = create(FileDescriptorProtoSchema, {
    name: `shop/v1/${name}.proto`,
    package: "shop.v1",
    syntax: "proto3",
    dependency: ["google/protobuf/empty.proto"],
    service: [service],
  });
  return fromBinary(FileDescriptorProtoSchema, toBinary(FileDescriptorProtoSchema, file));
}

/** The service of the file, from a registry of its own that knows no option of ours. */
export function serviceOf(file: FileDescriptorProto): DescService {
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_empty.proto, file] });
  const [service] = [...createFileRegistry(set).files].flatMap(({ services }) => services);
  if (service === undefined) throw new Error("the service is missing from its own file");
  return service;
}

function methodOptions({ rule: stated, bytes }: Method) {
  const options = create(MethodOptionsSchema);
  if (stated !== undefined) setExtension(options, rule, create(AccessRuleSchema, stated));
  if (bytes !== undefined) options.$unknown = [{ no: rule.number, wireType: 2, data: bytes }];
  return options;
}
