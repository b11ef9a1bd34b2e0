/** Descriptor sets of somebody's protos, built by buf from the text. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "../../scripts/print-proto.ts";

const checkout = join(import.meta.dirname, "../..");

/**
 * Lays the protos into the folder, beside the access rules, which they may import, and builds them with these flags of
 * `buf build`; the file.
 */
export function buildDescriptorSet(
  folder: string,
  protos: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): string {
  const tree = join(folder, "protos");
  cpSync(join(checkout, "proto/sallyport/access"), join(tree, "sallyport/access"), { recursive: true });
  const all = { "buf/validate/validate.proto": printProto(file_buf_validate_validate.proto), ...protos };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const file = join(folder, "shop.binpb");
  const paths = Object.keys(protos).flatMap((path) => ["--path", join(tree, path)]);
  execFileSync(join(checkout, "node_modules/.bin/buf"), ["build", tree, ...paths, ...flags, "-o", file]);
  return file;
}

/** A proto of the package `shop.v1`, whose messages are all empty. */
export function shopProto(services: string): string {
  return `syntax = "proto3";
package shop.v1;
import "google/protobuf/empty.proto";
import "sallyport/access/v1/access.proto";
${services.replaceAll("Empty", "google.protobuf.Empty")}`;
}

/** Services whose every method has a rule that can stand, of each kind. */
export const SHOP = shopProto(`
service Shop {
  option (sallyport.access.v1.default_rule) = {authenticated: true};
  rpc Browse(Empty) returns (Empty) { option (sallyport.access.v1.rule) = {public: true}; }
  rpc Buy(Empty) returns (Empty);
  rpc Refund(Empty) returns (Empty) {
    option (sallyport.access.v1.rule) = {
      any_role: ["clerk", "owner"]
      all_permissions: ["orders:refund"]
      max_auth_age: {seconds: 300}
      freshness: FRESHNESS_REMOTE
    };
  }
  rpc Follow(Empty) returns (stream Empty);
  rpc Upload(stream Empty) returns (Empty) { option (sallyport.access.v1.rule) = {any_role: "owner"}; }
}
service Stock {
  rpc Sync(stream Empty) returns (stream Empty) {
    option (sallyport.access.v1.rule) = {all_permissions: ["stock:read", "stock:write"]};
  }
}
`);
