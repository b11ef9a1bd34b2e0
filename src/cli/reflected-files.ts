/**
 * Asks a server by gRPC reflection (v1, else v1alpha) for the files that declare its
 * services. Imports are not asked for: rules stand in the files themselves.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { isInfrastructure } from "../access/infrastructure.ts";
import { CommandFault, shown } from "./command-fault.ts";

/** Whom to ask, as whom, and for how many seconds at most. */
export type Asking = { readonly url: URL; readonly apiKey: string | null; readonly seconds: number };

/** What a server tells of itself. The files declare every service, but for health and reflection, and each is there once. */
export type Reflected = { readonly services: readonly string[]; readonly files: readonly FileDescriptorProto[] };

type Question = { messageRequest: { case: "listServices" | "fileContainingSymbol"; value: string } };
type Answer = {
  messageResponse:
    | { case: "listServicesResponse"; value: { service: readonly { name: string }[] } }
    | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: readonly Uint8Array[] } }
    | { case: "errorResponse"; value: { errorMessage: string } }
    | { case: "allExtensionNumbersResponse" | undefined };
};
type Reflect = (questions: AsyncIterable<Question>, options: CallOptions) => AsyncIterable<Answer>;

/** A server may describe a lot, but not without end. */
const ANSWER_MAX_BYTES = 16 * 1024 * 1024;

/** What the server tells. @throws CommandFault if it cannot be reached, or does not tell. */
export async function reflectedFiles({ url, apiKey, seconds }: Asking): Promise<Reflected> {
  const sessionManager = new Http2SessionManager(url);
  const transport = createGrpcTransport({ baseUrl: url.href, sessionManager, readMaxBytes: ANSWER_MAX_BYTES });
  const signal = AbortSignal.timeout(seconds * 1_000);
  const options = { signal, ...(apiKey === null ? {} : { headers: { authorization: `Bearer ${apiKey}` } }) };
  const { serverReflectionInfo } = createClient(ServerReflection, transport);
  const { serverReflectionInfo: alpha } = createClient(ServerReflectionAlpha, transport);
  try {
    return await describe(serverReflectionInfo, options).catch((error: unknown) => {
      if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
      return describe(alpha, options);
    });
  } catch (error) {
    if (error instanceof CommandFault) throw error;
    throw explain(error, url, signal.aborted ? seconds : null);
  } finally {
    // One that is idle keeps nobody from going. To abort one that is just failing would leave its error to nobody: the
    // manager takes its listeners off first (connect-node 2.2).
    if (signal.aborted) sessionManager.abort();
  }
}

async function describe(reflect: Reflect, options: CallOptions): Promise<Reflected> {
  const [list] = await ask(reflect, ["*"], "listServices", options);
  const listed = list?.messageResponse;
  if (listed?.case !== "listServicesResponse") throw new CommandFault(69, "the server does not list its services");
  const services = listed.value.service.map(({ name }) => name);
  const answers = await ask(reflect, services, "fileContainingSymbol", options);
  const files = eachOnce(
    answers.flatMap(({ messageResponse }) =>
      messageResponse.case === "fileDescriptorResponse" ? messageResponse.value.fileDescriptorProto : [],
    ),
  );
  refuseUndeclared(services, files);
  return { services, files };
}

/** By what the files declare: an answer may leave out what another one had, and may be about something else. */
function refuseUndeclared(services: readonly string[], files: readonly FileDescriptorProto[]): void {
  const namesIn = (file: FileDescriptorProto) =>
    file.service.map(({ name }) => (file.package === "" ? name : `${file.package}.${name}`));
  const declared = new Set(files.flatMap(namesIn));
  // Some serve health without a descriptor.
  const missing = services.filter((typeName) => !declared.has(typeName) && !isInfrastructure({ typeName }));
  if (missing.length === 0) return;
  const [names, them] = [missing.map(shown).join(", "), missing.length === 1 ? "it" : "them"];
  throw new CommandFault(69, `the server serves ${names}, but does not describe ${them}: use --descriptors`);
}

/** Asks all at once; the answers in the order of the questions. */
async function ask(
  reflect: Reflect,
  values: readonly string[],
  kind: Question["messageRequest"]["case"],
  options: CallOptions,
): Promise<readonly Answer[]> {
  async function* questions() {
    for (const value of values) yield { messageRequest: { case: kind, value } };
  }
  const answers: Answer[] = [];
  if (values.length === 0) return answers;
  for await (const answer of reflect(questions(), options)) {
    answers.push(answer);
    if (answers.length === values.length) break;
  }
  return answers;
}

function toFile(bytes: Uint8Array): FileDescriptorProto {
  try {
    return fromBinary(FileDescriptorProtoSchema, bytes);
  } catch (cause) {
    throw new CommandFault(69, "the server describes its services in bytes that are no descriptors", { cause });
  }
}

/** A file comes once for each service in it. Which of two is served, nobody can tell if they differ. */
function eachOnce(described: readonly Uint8Array[]): readonly FileDescriptorProto[] {
  const found = new Map<string, Uint8Array>();
  return described.flatMap((bytes) => {
    const file = toFile(bytes);
    const before = found.get(file.name);
    found.set(file.name, bytes);
    if (before === undefined) return [file];
    if (Buffer.compare(before, bytes) === 0) return [];
    throw new CommandFault(69, `the server describes ${shown(file.name)} twice, and not the same: use --descriptors`);
  });
}

function explain(error: unknown, url: URL, seconds: number | null): CommandFault {
  const { code, rawMessage } = ConnectError.from(error);
  const because = (advice: string) => new CommandFault(69, `${url.origin} ${advice}`, { cause: error });
  if (seconds !== null) return because(`did not answer within ${seconds} s`);
  if (code === Code.Unimplemented) return because("has no gRPC reflection: turn it on there, or use --descriptors");
  if (code === Code.Unauthenticated || code === Code.PermissionDenied) {
    return because("refuses reflection to this caller: give an API key that may, with --api-key-stdin");
  }
  return because(`cannot be asked over gRPC: ${shown(rawMessage)} (is that its address, and http or https right?)`);
}
