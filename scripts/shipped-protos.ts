/**
 * The contract as the package carries it, for those who do not generate code with
 * buf: `proto/`, which needs nothing but protoc and its well-known types, and
 * `sallyport.binpb`, a FileDescriptorSet of the same files with all they import.
 *
 * protoc knows `debug_redact` from 22 on; distributions still carry 3.21, whose own
 * descriptor.proto lacks it. To ship a newer one beside the protos would help only
 * those who name our folder before any other. So the tree goes without the option,
 * and the descriptor set, which every protoc reads, keeps it.
 */
import { execFileSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "./print-proto.ts";

/** The descriptor set's file name. */
export const DESCRIPTOR_SET = "sallyport.binpb";
const STRIPPED = `// Shipped without the option debug_redact, which protoc knows from 22 on;
// ${DESCRIPTOR_SET} says which fields hold secrets.
`;
const NOTICE = `// Copyright 2023-2026 Buf Technologies, Inc.
// Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0
//
// Printed from the descriptor in the npm package @bufbuild/protovalidate: comments and
// custom options are lost. The original is in https://github.com/bufbuild/protovalidate.
`;

/** Writes `proto/` and the descriptor set into the folder `to`. */
export function writeContract({ from, to }: { readonly from: string; readonly to: string }): void {
  const tree = join(to, "proto");
  cpSync(from, tree, { recursive: true, filter: (path) => !path.endsWith(".binpb") });
  mkdirSync(join(tree, "buf/validate"), { recursive: true });
  writeFileSync(join(tree, "buf/validate/validate.proto"), `${NOTICE}${printProto(file_buf_validate_validate.proto)}`);
  const output = join(to, DESCRIPTOR_SET);
  execFileSync("buf", ["build", tree, "--as-file-descriptor-set", "-o", output], { stdio: "inherit" });
  for (const file of globSync("sallyport/**/*.proto", { cwd: tree })) {
    const path = join(tree, file);
    const text = readFileSync(path, "utf8");
    const stripped = withoutDebugRedact(text);
    if (stripped !== text) writeFileSync(path, `${STRIPPED}${stripped}`);
  }
}

/**
 * A proto without the option `debug_redact` on its fields, in the form that `buf format` gives it.
 * @throws Error if one remains
 */
export function withoutDebugRedact(proto: string): string {
  const stripped = proto
    .replace(/ \[\s*debug_redact = true\s*\]/g, "")
    .replace(/\bdebug_redact = true,\s*/g, "")
    .replace(/,\s*debug_redact = true(?=\s*\])/g, "");
  if (/^(?!\s*\/\/).*\bdebug_redact\b/m.test(stripped)) throw new Error("an option debug_redact was not understood");
  return stripped;
}
