/**
 * Lays the protos of others into `proto-deps/`, from the npm packages that carry them:
 * protovalidate's from its descriptor (no package ships the text), health and
 * reflection as files. Runs before every `buf` command; buf stops if the folder is absent.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "./print-proto.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "proto-deps");
const require = createRequire(import.meta.url);
const packageFolder = (name: string) => dirname(require.resolve(`${name}/package.json`));

const copies: readonly (readonly [packageName: string, from: string, to: string])[] = [
  ["grpc-health-check", "proto/health/v1/health.proto", "grpc/health/v1/health.proto"],
  ["@grpc/reflection", "build/proto/grpc/reflection/v1/reflection.proto", "grpc/reflection/v1/reflection.proto"],
  [
    "@grpc/reflection",
    "build/proto/grpc/reflection/v1alpha/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
  ],
];

rmSync(target, { recursive: true, force: true });
for (const [packageName, from, to] of copies) {
  mkdirSync(dirname(join(target, to)), { recursive: true });
  copyFileSync(join(packageFolder(packageName), from), join(target, to));
}
mkdirSync(join(target, "buf/validate"), { recursive: true });
writeFileSync(join(target, "buf/validate/validate.proto"), printProto(file_buf_validate_validate.proto));
