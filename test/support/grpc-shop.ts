/** The shop's gRPC side as the stock client of grpc-js calls it, and servers with handlers of a test's own. */
import { Writable } from "node:stream";
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { AnySchema, anyUnpack, type StringValue } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Shop } from "./guarded-shop.ts";
import { definitionOf, deserialize, message, serialize } from "./shop-servers.ts";

/** Serves handlers of the shop behind the interceptors, until the test is over; the port. */
export function serveHandlers(
  interceptors: grpc.ServerInterceptor[],
  handlers: grpc.UntypedServiceImplementation,
): Promise<number> {
  const server = new grpc.Server({ interceptors });
  server.addService(definitionOf(Shop.methods), handlers);
  onTestFinished(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

/** How a call ended. */
export type Ended = { readonly status: grpc.StatusObject; readonly got: readonly string[] };

/** A call of any kind that goes on in the background. */
export type GrpcCall = {
  readonly send: (text: string) => void;
  readonly finish: () => void;
  readonly cancel: () => void;
  readonly got: string[];
  readonly ended: Promise<Ended>;
};

/** Calls a method of the shop with this token, if it is not empty; requests that are single are sent at once. */
export function callShop(port: number, name: keyof typeof Shop.method, token: string, deadlineMs = 20_000): GrpcCall {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  onTestFinished(() => client.close());
  const { methodKind, name: rpc } = Shop.method[name];
  const metadata = new grpc.Metadata();
  if (token !== "") metadata.set("authorization", `Bearer ${token}`);
  const path = `/shop.v1.Shop/${rpc}`;
  const options = { deadline: Date.now() + deadlineMs };
  const got: string[] = [];
  const answered = (_error: grpc.ServiceError | null, answer?: StringValue) => {
    if (answer !== undefined) got.push(answer.value);
  };
  const asked = message(name);
  const calls = {
    unary: () => client.makeUnaryRequest(path, serialize, deserialize, asked, metadata, options, answered),
    server_streaming: () => client.makeServerStreamRequest(path, serialize, deserialize, asked, metadata, options),
    client_streaming: () => client.makeClientStreamRequest(path, serialize, deserialize, metadata, options, answered),
    bidi_streaming: () => client.makeBidiStreamRequest(path, serialize, deserialize, metadata, options),
  };
  const call = calls[methodKind]();
  if ("read" in call) call.on("data", ({ value }: StringValue) => got.push(value));
  // Whatever it says, the status says too.
  call.on("error", () => {});
  const ended = new Promise<Ended>((resolve) => call.on("status", (status) => resolve({ status, got })));
  const requests = call instanceof Writable ? call : null;
  return {
    send: (text) => void requests?.write(message(text)),
    finish: () => void requests?.end(),
    cancel: () => call.cancel(),
    got,
    ended,
  };
}

/** What `grpc-status-details-bin` says: the code inside, and the details that Sallyport sends. */
export function detailsOf({ metadata }: grpc.StatusObject) {
  const [bytes] = metadata.get("grpc-status-details-bin");
  if (!(bytes instanceof Uint8Array)) throw new Error("the status has no details");
  const reader = new BinaryReader(bytes);
  let code = 0;
  const details = [];
  // google.rpc.Status: code 1, message 2, details 3.
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) code = reader.int32();
    else if (field === 3) details.push(fromBinary(AnySchema, reader.bytes()));
    else reader.skip(wireType);
  }
  const info = details.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find((detail) => detail !== undefined);
  const retry = details.map((detail) => anyUnpack(detail, RetryInfoSchema)).find((detail) => detail !== undefined);
  return { code, reason: info?.reason, domain: info?.domain, ...info?.metadata, retry: retry?.retryDelay?.seconds };
}
