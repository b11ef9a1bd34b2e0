/** The contract as the package carries it: for protoc, for buf, and for whoever reads descriptors. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { clearField, clone, createFileRegistry, fromBinary, getOption, isFieldSet, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { default_rule, rule } from "../../gen/sallyport/access/v1/access_pb.ts";
import { withJsExtensions } from "../../scripts/declarations.ts";
import { withoutDebugRedact, writeContract } from "../../scripts/shipped-protos.ts";
import { temporaryFolder } from "../support/app.ts";
import { servicesOfContract } from "../support/contract.ts";
import { fieldsWithin, isRedacted } from "../support/redacted-fields.ts";

const contract = join(import.meta.dirname, "../../proto");
/** The options of a field that descriptor.proto had in protoc 3.21, which distributions still carry. */
const FIELD_OPTIONS_OF_3_21 = ["ctype", "packed", "jstype", "lazy", "unverified_lazy", "deprecated", "weak"];

let folder: string;
let tree: string;
let protos: string[];
let whole: FileDescriptorSet;
let compiled: FileDescriptorSet;

beforeAll(() => {
  folder = temporaryFolder();
  writeContract({ from: contract, to: folder });
  tree = join(folder, "proto");
  protos = globSync("**/*.proto", { cwd: tree }).sort();
  whole = readSet(join(folder, "sallyport.binpb"));
  const output = join(folder, "compiled.binpb");
  execFileSync("buf", ["build", tree, "--as-file-descriptor-set", "-o", output]);
  compiled = readSet(output);
});

afterAll(() => rmSync(folder, { recursive: true }));

describe("The shipped tree of protos", () => {
  it("holds the whole contract and what it imports beyond protoc's own", () => {
    const ours = globSync("**/*.proto", { cwd: contract });
    expect(protos).toEqual([...ours, "buf/validate/validate.proto"].sort());
  });

  it("says the same as the contract, comments included, but for debug_redact", () => {
    const contractFiles = whole.file.map(comparable);
    for (const field of contractFiles.flatMap(({ file }) => file.messageType.flatMap(fieldsOf))) clearRedaction(field);
    expect(compiled.file.map(comparable)).toEqual(contractFiles);
  });

  it("uses no option of fields and no syntax that protoc 3.21 does not know", () => {
    expect(compiled.file.map(({ syntax }) => syntax).filter((syntax) => syntax !== "proto3" && syntax !== "")).toEqual(
      [],
    );
    const options = compiled.file
      .filter(({ name }) => protos.includes(name))
      .flatMap(({ messageType }) => messageType.flatMap(fieldsOf).flatMap((field) => field.options ?? []));
    const newer = FieldOptionsSchema.fields.filter(({ name }) => !FIELD_OPTIONS_OF_3_21.includes(name));
    expect(newer.filter((field) => options.some((option) => isFieldSet(option, field))).map(String)).toEqual([]);
    expect(options).not.toEqual([]);
  });

  it("compiles with each compiler that is here, alone", () => {
    const output = join(folder, "compilers");
    mkdirSync(output);
    for (const [compiler, ...args] of compilers(join(output, "set.binpb"))) {
      execFileSync(compiler, args, { cwd: tree, stdio: "pipe" });
      const names = readSet(join(output, "set.binpb")).file.map(({ name }) => name);
      expect(names, compiler).toEqual(expect.arrayContaining(protos));
    }
  });

  it("makes a tree with an option that it could not take out a failure", () => {
    expect(() => withoutDebugRedact('string a = 1 [(x) = {y: "z"}, debug_redact=true, deprecated = true];')).toThrow(
      "debug_redact",
    );
    expect(() => withoutDebugRedact("string a = 1 [debug_redact = false];")).toThrow("debug_redact");
  });

  it.each([
    ["alone", "string a = 1 [debug_redact = true];", "string a = 1;"],
    [
      "first",
      "string a = 1 [\n  debug_redact = true,\n  deprecated = true\n];",
      "string a = 1 [\n  deprecated = true\n];",
    ],
    [
      "last",
      "string a = 1 [\n  deprecated = true,\n  debug_redact = true\n];",
      "string a = 1 [\n  deprecated = true\n];",
    ],
    ["in a comment", "// Not debug_redact.\nstring a = 1;", "// Not debug_redact.\nstring a = 1;"],
  ])("takes out the option where it stands %s", (_where, proto, stripped) => {
    expect(withoutDebugRedact(proto)).toBe(stripped);
  });
});

describe("The shipped descriptor set", () => {
  it("holds every file that any of its files imports", () => {
    const names = whole.file.map(({ name }) => name);
    const imports = whole.file.flatMap(({ dependency }) => dependency);
    expect(imports.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("has each service of the contract with its methods and their access rules", async () => {
    const registry = createFileRegistry(whole);
    for (const service of await servicesOfContract()) {
      const shipped = registry.getService(service.typeName) ?? fail(service.typeName);
      expect(getOption(shipped, default_rule)).toEqual(getOption(service, default_rule));
      expect(shipped.methods.map((method) => [method.name, getOption(method, rule)])).toEqual(
        service.methods.map((method) => [method.name, getOption(method, rule)]),
      );
    }
  });

  it("tells which fields hold secrets", async () => {
    const services = await servicesOfContract();
    const messages = services.flatMap(({ methods }) => methods.flatMap(({ input, output }) => [input, output]));
    const registry = createFileRegistry(whole);
    const shipped = messages.flatMap(({ typeName }) => fieldsWithin(registry.getMessage(typeName) ?? fail(typeName)));
    const secrets = messages.flatMap((message) => fieldsWithin(message)).filter(isRedacted);
    expect(shipped.filter(isRedacted).map(String)).toEqual(secrets.map(String));
    expect(secrets.length).toBeGreaterThan(10);
  });

  it("carries the comments, for those who make documents of it", () => {
    const info = whole.file.find(({ name }) => name === "sallyport/auth/v1/auth_service.proto")?.sourceCodeInfo;
    expect(info?.location.map(({ leadingComments }) => leadingComments).join()).toContain("Ends sessions, at once");
  });
});

describe("Declarations", () => {
  it("name in relative imports the files that are built, and leave all else as it is", () => {
    const declarations = 'import type { A } from "./a.ts";\nexport type B = import("../b.ts").B;\n/** "./c.ts" */\n';
    expect(withJsExtensions(declarations)).toBe(
      'import type { A } from "./a.js";\nexport type B = import("../b.js").B;\n/** "./c.ts" */\n',
    );
  });
});

function readSet(path: string): FileDescriptorSet {
  return fromBinary(FileDescriptorSetSchema, readFileSync(path));
}

/** A file with its comments by what they are about: lines and columns differ, and so does what is said of the whole file. */
function comparable(file: FileDescriptorProto) {
  const comments = (file.sourceCodeInfo?.location ?? [])
    .filter(({ path }) => path.join() !== String(FileDescriptorProtoSchema.field.syntax.number))
    .filter(({ leadingComments, trailingComments }) => leadingComments !== "" || trailingComments !== "")
    .map(({ path, leadingComments, trailingComments }) => [path.join(), leadingComments, trailingComments]);
  const copy = clone(FileDescriptorProtoSchema, file);
  clearField(copy, FileDescriptorProtoSchema.field.sourceCodeInfo);
  return { file: copy, comments };
}

function fieldsOf(message: DescriptorProto): readonly FieldDescriptorProto[] {
  return [...message.field, ...message.nestedType.flatMap(fieldsOf)];
}

/** Takes the mark off, and what held nothing else. */
function clearRedaction(field: FieldDescriptorProto): void {
  if (field.options === undefined) return;
  clearField(field.options, FieldOptionsSchema.field.debugRedact);
  if (toBinary(FieldOptionsSchema, field.options).length === 0) {
    clearField(field, FieldDescriptorProtoSchema.field.options);
  }
}

/** Commands, to be run in the tree, that write its descriptor set: buf, which is always here, and protoc where there is one. */
function compilers(output: string): readonly (readonly [command: string, ...args: string[]])[] {
  const paths = (process.env.PATH ?? "").split(delimiter).map((entry) => join(entry, "protoc"));
  const protoc = paths.filter((path) => existsSync(path)).slice(0, 1);
  return [
    ["buf", "build", tree, "--as-file-descriptor-set", "-o", output],
    ...protoc.map((path) => [path, "-I.", `--descriptor_set_out=${output}`, "--include_imports", ...protos] as const),
  ];
}

function fail(typeName: string): never {
  throw new Error(`${typeName} is missing`);
}
