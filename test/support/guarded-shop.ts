/** A backend with access rules in its proto, whose RPCs are of every kind. */
import {
  create,
  createFileRegistry,
  fromBinary,
  type MessageInitShape,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import { serviceDesc } from "@bufbuild/protobuf/codegenv2";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_wrappers,
  MethodOptionsSchema,
  ServiceOptionsSchema,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { AccessRuleSchema, default_rule, Freshness, rule } from "../../gen/sallyport/access/v1/access_pb.ts";

type Stated = MessageInitShape<typeof AccessRuleSchema>;
type Kind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";
type Text<K extends Kind> = { methodKind: K; input: typeof StringValueSchema; output: typeof StringValueSchema };

/** The methods of the shop: their kind, and their rule where they do not have the service's. */
const METHODS: readonly (readonly [name: string, kind: Kind, stated: Stated | null])[] = [
  ["Browse", "unary", { public: true }],
  ["Buy", "unary", null],
  ["Refund", "unary", { anyRole: ["clerk", "owner"], allPermissions: ["orders:refund"] }],
  ["Close", "unary", { authenticated: true, maxAuthAge: { seconds: 300n } }],
  ["Audit", "unary", { authenticated: true, freshness: Freshness.REMOTE }],
  ["News", "server_streaming", { public: true }],
  ["Follow", "server_streaming", null],
  ["Upload", "client_streaming", { anyRole: ["clerk"] }],
  ["Haggle", "bidi_streaming", null],
];

/** `shop.v1.Shop` as a descriptor set has it: options are bytes. */
export const shopFile: FileDescriptorProto = (() => {
  const text = ".google.protobuf.StringValue";
  const options = create(ServiceOptionsSchema);
  setExtension(options, default_rule, create(AccessRuleSchema, { authenticated: true }));
  const method = METHODS.map(([name, kind, stated]) => ({
    name,
    inputType: text,
    outputType: text,
    clientStreaming: kind === "client_streaming" || kind === "bidi_streaming",
    serverStreaming: kind === "server_streaming" || kind === "bidi_streaming",
    options: optionsOf(stated),
  }));
  const file = create(FileDescriptorProtoSchema, {
    name: "shop/v1/shop.proto",
    package: "shop.v1",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [{ name: "Shop", method, options }],
  });
  return fromBinary(FileDescriptorProtoSchema, toBinary(FileDescriptorProtoSchema, file));
})();

/** `shop.v1.Shop`, as protoc-gen-es declares services. */
export const Shop = serviceDesc<{
  browse: Text<"unary">;
  buy: Text<"unary">;
  refund: Text<"unary">;
  close: Text<"unary">;
  audit: Text<"unary">;
  news: Text<"server_streaming">;
  follow: Text<"server_streaming">;
  upload: Text<"client_streaming">;
  haggle: Text<"bidi_streaming">;
}>(linked(shopFile), 0);

function optionsOf(stated: Stated | null) {
  const options = create(MethodOptionsSchema);
  if (stated !== null) setExtension(options, rule, create(AccessRuleSchema, stated));
  return options;
}

function linked(file: FileDescriptorProto) {
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] });
  const found = createFileRegistry(set).getFile(file.name);
  if (found === undefined) throw new Error("the shop's file is missing");
  return found;
}
