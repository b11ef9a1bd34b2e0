/** The shop behind its guard, on every kind of server that can be guarded. */
import { once } from "node:events";
import { createServer as createHttp1 } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import type { Server as NetServer } from "node:net";
import { create, type DescMethod, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type StringValue, StringValueSchema } from "@bufbuild/protobuf/wkt";
import {
  type Client,
  type ConnectRouter,
  createClient,
  type HandlerContext,
  type Transport,
} from "@connectrpc/connect";
import {
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import * as forConnect from "../../src/verifier/connect/guard.ts";
import * as forGrpc from "../../src/verifier/grpc/guard.ts";
import type { GuardOptions } from "../../src/verifier/guard/admission.ts";
import { Shop } from "./guarded-shop.ts";
import type { ShopHandlers } from "./shop-handlers.ts";

/** Serves the shop until the test is over; its port. */
export type ServeShop = (options: GuardOptions, handlers: ShopHandlers) => Promise<number>;

/** A client of the shop. */
export type ShopClient = Client<typeof Shop>;

/** A server and the way to call it. */
export type ShopForm = {
  readonly name: string;
  readonly serve: ServeShop;
  readonly transport: (baseUrl: string) => Transport;
  /** Whether messages can go both ways at once. */
  readonly duplex: boolean;
};

/** Every kind of server, with a protocol for each version of HTTP. */
export const SHOP_FORMS: readonly ShopForm[] = [
  {
    name: "Connect over HTTP/1.1",
    serve: (options, handlers) => listening(createHttp1(adapter(options, handlers))),
    transport: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
    duplex: false,
  },
  {
    name: "gRPC-Web over HTTP/1.1",
    serve: (options, handlers) => listening(createHttp1(adapter(options, handlers))),
    transport: (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
    duplex: false,
  },
  {
    name: "Connect over HTTP/2",
    serve: (options, handlers) => listening(createHttp2(adapter(options, handlers))),
    transport: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
    duplex: true,
  },
  {
    name: "gRPC over Connect's server",
    serve: (options, handlers) => listening(createHttp2(adapter(options, handlers))),
    transport: (baseUrl) => createGrpcTransport({ baseUrl }),
    duplex: true,
  },
  {
    name: "gRPC over grpc-js",
    serve: serveGrpc,
    transport: (baseUrl) => createGrpcTransport({ baseUrl }),
    duplex: true,
  },
];

/** A client of the port. */
export function shopClient({ transport }: ShopForm, port: number): ShopClient {
  return createClient(Shop, transport(`http://127.0.0.1:${port}`));
}

/** Call options with a bearer token; without one if it is empty. */
export function bearing(token: string): { headers: Record<string, string> } {
  return { headers: token === "" ? {} : { authorization: `Bearer ${token}` } };
}

function adapter(options: GuardOptions, handlers: ShopHandlers) {
  return connectNodeAdapter({
    routes: (router) => shopRoutes(router, handlers),
    interceptors: [forConnect.createGuard(options)],
    contextValues: forConnect.authorizationValues,
  });
}

/** The shop on a Connect router. */
export function shopRoutes(router: ConnectRouter, handlers: ShopHandlers): void {
  const callOf = (context: HandlerContext) => ({ caller: () => forConnect.callerOf(context), signal: context.signal });
  const unary =
    (name: string) =>
    async ({ value }: StringValue, context: HandlerContext) => ({
      value: await handlers.unary(name, value, callOf(context)),
    });
  const send =
    (name: string) =>
    ({ value }: StringValue, context: HandlerContext) =>
      toMessages(handlers.send(name, value, callOf(context)));
  router.service(Shop, {
    browse: unary("Browse"),
    buy: unary("Buy"),
    refund: unary("Refund"),
    close: unary("Close"),
    audit: unary("Audit"),
    news: send("News"),
    follow: send("Follow"),
    upload: async (messages, context) => ({
      value: await handlers.receive("Upload", toTexts(messages), callOf(context)),
    }),
    haggle: (messages, context) => toMessages(handlers.both("Haggle", toTexts(messages), callOf(context))),
  });
}

/** Listens on a free port until the test is over; the port. */
export async function listening(server: NetServer): Promise<number> {
  const sockets = new Set<{ destroy: () => void }>();
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

/** The shop on a grpc-js server. */
export async function serveGrpc(options: GuardOptions, handlers: ShopHandlers): Promise<number> {
  const server = new grpc.Server({ interceptors: [forGrpc.createGuard(options)] });
  server.addService(definitionOf(Shop.methods), grpcHandlers(handlers));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  return port;
}

/** A service definition as code generators for grpc-js write it: without the options of the methods. */
export function definitionOf(methods: readonly DescMethod[]): grpc.ServiceDefinition {
  return Object.fromEntries(
    methods.map((method) => [
      method.localName,
      {
        path: `/${method.parent.typeName}/${method.name}`,
        requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
        responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
        requestSerialize: serialize,
        requestDeserialize: deserialize,
        responseSerialize: serialize,
        responseDeserialize: deserialize,
      },
    ]),
  );
}

function grpcHandlers(handlers: ShopHandlers): grpc.UntypedServiceImplementation {
  const callOf = (call: forGrpc.ServerCall) => ({
    caller: () => forGrpc.callerOf(call),
    signal: forGrpc.signalOf(call),
  });
  const unary =
    (name: string): grpc.handleUnaryCall<StringValue, StringValue> =>
    (call, answer) =>
      void handlers.unary(name, call.request.value, callOf(call)).then((text) => answer(null, message(text)), answer);
  const send =
    (name: string): grpc.handleServerStreamingCall<StringValue, StringValue> =>
    (call) =>
      void pour(handlers.send(name, call.request.value, callOf(call)), call);
  const upload: grpc.handleClientStreamingCall<StringValue, StringValue> = (call, answer) =>
    void handlers.receive("Upload", toTexts(call), callOf(call)).then((text) => answer(null, message(text)), answer);
  const haggle: grpc.handleBidiStreamingCall<StringValue, StringValue> = (call) =>
    void pour(handlers.both("Haggle", toTexts(call), callOf(call)), call);
  return {
    browse: unary("Browse"),
    buy: unary("Buy"),
    refund: unary("Refund"),
    close: unary("Close"),
    audit: unary("Audit"),
    news: send("News"),
    follow: send("Follow"),
    upload,
    haggle,
  };
}

async function pour(texts: AsyncIterable<string>, sink: { write(value: StringValue): unknown; end(): unknown }) {
  try {
    for await (const text of texts) sink.write(message(text));
  } catch {
    // What is read breaks off when the call does.
  }
  sink.end();
}

async function* toMessages(texts: AsyncIterable<string>) {
  for await (const value of texts) yield { value };
}

async function* toTexts(messages: AsyncIterable<StringValue>) {
  for await (const { value } of messages) yield value;
}

/** A message of the shop. */
export function message(value: string): StringValue {
  return create(StringValueSchema, { value });
}

/** Its bytes. */
export function serialize(value: StringValue): Buffer {
  return Buffer.from(toBinary(StringValueSchema, value));
}

/** The message of the bytes. */
export function deserialize(bytes: Buffer): StringValue {
  return fromBinary(StringValueSchema, bytes);
}
