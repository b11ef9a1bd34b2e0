/** Server reflection in both versions, by hand and by a tool that relies on it. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { grpcBidiStream, grpcClient } from "../support/wire-grpc.ts";
import { ask1 } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const SERVICES = [
  "sallyport.auth.v1.AuthService",
  "sallyport.auth.v1.AccountService",
  "sallyport.auth.v1.AdminService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

type Question =
  | { case: "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType"; value: string }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } };

const VERSIONS = [
  ["v1", (port: number) => grpcBidiStream(grpcClient(port), ServerReflection.method.serverReflectionInfo)],
  ["v1alpha", (port: number) => grpcBidiStream(grpcClient(port), ServerReflectionAlpha.method.serverReflectionInfo)],
] as const;

describe.each(VERSIONS)("grpc.reflection.%s", (version, open) => {
  async function ask(messageRequest: Question | { case: undefined }) {
    const { port } = await startWireServer();
    const stream = open(port);
    stream.ask({ host: "here", messageRequest });
    const [answer] = await until(() => stream.seen.length > 0 && stream.seen, "an answer");
    stream.stream.cancel();
    if (!answer) throw new Error("no answer");
    expect(answer).toMatchObject({ validHost: "here", originalRequest: { host: "here", messageRequest } });
    return answer.messageResponse;
  }

  /** The files that came, the first being the one that was asked for. */
  async function askForFiles(question: Question) {
    const answer = await ask(question);
    if (answer.case !== "fileDescriptorResponse") throw new Error(`got ${answer.case}`);
    return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  test("list_services tells of every service, health and reflection too", async () => {
    expect(await ask({ case: "listServices", value: "" })).toMatchObject({
      case: "listServicesResponse",
      value: { service: SERVICES.map((name) => ({ name })) },
    });
  });

  test.each([
    ["a service", "sallyport.auth.v1.AuthService", "sallyport/auth/v1/auth_service.proto"],
    ["a method", "sallyport.auth.v1.AuthService.Authorize", "sallyport/auth/v1/auth_service.proto"],
    ["a message", "sallyport.auth.v1.AuthorizeRequest", "sallyport/auth/v1/auth_service.proto"],
    ["a field", "sallyport.auth.v1.AuthorizeRequest.audience", "sallyport/auth/v1/auth_service.proto"],
    ["a oneof", "sallyport.auth.v1.AuthorizeResponse.decision", "sallyport/auth/v1/auth_service.proto"],
    ["an enum", "sallyport.auth.v1.DenialReason", "sallyport/auth/v1/decision.proto"],
    ["an enum value", "sallyport.auth.v1.NEXT_STEP_NONE", "sallyport/auth/v1/decision.proto"],
    ["an extension", "sallyport.access.v1.rule", "sallyport/access/v1/access.proto"],
    ["an import", "google.protobuf.Timestamp", "google/protobuf/timestamp.proto"],
    ["a nested message", "google.protobuf.DescriptorProto.ExtensionRange", "google/protobuf/descriptor.proto"],
    ["a nested enum", "grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"],
    ["a nested enum's value", "grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"],
    ["a rule of protovalidate", "buf.validate.field", "buf/validate/validate.proto"],
  ])("file_containing_symbol finds the file of %s", async (_kind, value, path) => {
    const [file] = await askForFiles({ case: "fileContainingSymbol", value });
    expect(file?.name).toBe(path);
  });

  test("file_by_filename brings the file and all that it imports, from which a registry can be built", async () => {
    const files = await askForFiles({ case: "fileByFilename", value: "sallyport/auth/v1/auth_service.proto" });
    const names = files.map((file) => file.name);
    expect(names[0]).toBe("sallyport/auth/v1/auth_service.proto");
    expect(names).toEqual(expect.arrayContaining(["google/protobuf/descriptor.proto", "buf/validate/validate.proto"]));
    expect(new Set(names).size).toBe(names.length);
    for (const file of files) expect(names).toEqual(expect.arrayContaining(file.dependency));
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.toReversed() }));
    expect(registry.getService("sallyport.auth.v1.AuthService")?.methods.map(({ name }) => name)).toContain("Login");
  });

  test("file_containing_extension finds where an option is declared", async () => {
    const containingType = "google.protobuf.MethodOptions";
    const [file] = await askForFiles({
      case: "fileContainingExtension",
      value: { containingType, extensionNumber: 52741 },
    });
    expect(file?.name).toBe("sallyport/access/v1/access.proto");
  });

  test("all_extension_numbers_of_type tells the numbers in order, and none of a message without extensions", async () => {
    expect(await ask({ case: "allExtensionNumbersOfType", value: "google.protobuf.ServiceOptions" })).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: "google.protobuf.ServiceOptions", extensionNumber: [52742] },
    });
    expect(await ask({ case: "allExtensionNumbersOfType", value: "sallyport.auth.v1.User" })).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { extensionNumber: [] },
    });
  });

  const UNKNOWN: Question[] = [
    { case: "fileByFilename", value: "etc/passwd" },
    { case: "fileContainingSymbol", value: "sallyport.auth.v1.Nothing" },
    { case: "fileContainingSymbol", value: "__proto__" },
    { case: "fileContainingExtension", value: { containingType: "google.protobuf.MethodOptions", extensionNumber: 1 } },
    { case: "allExtensionNumbersOfType", value: "sallyport.auth.v1.Nothing" },
  ];
  test.each(UNKNOWN)("$case of something unknown is an answer that says NOT_FOUND", async (question) => {
    expect(await ask(question)).toMatchObject({ case: "errorResponse", value: { errorCode: status.NOT_FOUND } });
  });

  test("an empty question is an answer that says INVALID_ARGUMENT", async () => {
    const answer = await ask({ case: undefined });
    expect(answer).toMatchObject({ case: "errorResponse", value: { errorCode: status.INVALID_ARGUMENT } });
  });

  test("one stream answers one question after another, and ends when its client does", async () => {
    const { port, line } = await startWireServer();
    const { stream, ask, seen } = open(port);
    for (let asked = 1; asked <= 3; asked += 1) {
      ask({ messageRequest: { case: "listServices", value: "" } });
      await until(() => seen.length === asked, `answer ${asked}`);
    }
    stream.end();
    expect(await line({ rpc: `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo` })).toMatchObject({
      code: "OK",
    });
  });
});

test("reflection needs HTTP/2: over HTTP/1.1 it is refused, and the connection closed", async () => {
  const { port } = await startWireServer();
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const headers = { "content-type": "application/connect+json" };
  const answer = await ask1(port, { method: "POST", path, headers, body: "" });
  expect(answer.status).toBe(505);
  expect(answer.headers.connection).toBe("close");
});

describe("buf curl, which knows nothing but the address", () => {
  const buf = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));
  const run = promisify(execFile);

  test.each(["grpc", "grpcweb", "connect"])("calls an RPC over %s", async (protocol) => {
    const { url } = await startWireServer();
    const target = `${url}/sallyport.auth.v1.AuthService/Authorize`;
    const flags = ["--http2-prior-knowledge", "--protocol", protocol, "--data", '{"audience":"orders"}'];
    const { stdout } = await run(buf, ["curl", ...flags, target]);
    expect(JSON.parse(stdout)).toEqual({ granted: { principal: { userId: "orders" } } });
  });

  test.each(["grpc-v1", "grpc-v1alpha"])("lists methods over %s", async (version) => {
    const { url } = await startWireServer();
    const flags = ["--http2-prior-knowledge", "--reflect-protocol", version, "--list-methods"];
    const { stdout } = await run(buf, ["curl", ...flags, url]);
    expect(stdout.split("\n")).toContain("sallyport.auth.v1.AuthService/Login");
  });
});
