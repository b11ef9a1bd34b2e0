/** Somebody else's backend, of another origin, with RPCs of every kind; and what it saw. */
import { once } from "node:events";
import { createServer } from "node:http";
import { create, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenService, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  MethodOptions_IdempotencyLevel as Idempotency,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import type { Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

type Method<Kind> = {
  readonly methodKind: Kind;
  readonly input: typeof StringValueSchema;
  readonly output: typeof StringValueSchema;
};

const METHODS = [
  { name: "GetOrder", idempotency: Idempotency.IDEMPOTENT },
  { name: "PlaceOrder", idempotency: Idempotency.IDEMPOTENCY_UNKNOWN },
  { name: "ListOrders", idempotency: Idempotency.NO_SIDE_EFFECTS, serverStreaming: true },
  { name: "ShipOrders", idempotency: Idempotency.IDEMPOTENCY_UNKNOWN, serverStreaming: true },
  { name: "SendOrders", idempotency: Idempotency.IDEMPOTENT, clientStreaming: true },
];

const file = create(FileDescriptorProtoSchema, {
  name: "orders/v1/orders.proto",
  package: "orders.v1",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto"],
  service: [
    {
      name: "OrderService",
      method: METHODS.map(({ idempotency, ...method }) => ({
        ...method,
        inputType: ".google.protobuf.StringValue",
        outputType: ".google.protobuf.StringValue",
        options: { idempotencyLevel: idempotency },
      })),
    },
  ],
});

/** The backend's service. */
export const OrderService: GenService<{
  /** Declared idempotent. */
  getOrder: Method<"unary">;
  placeOrder: Method<"unary">;
  /** Declared to have no side effects. */
  listOrders: Method<"server_streaming">;
  shipOrders: Method<"server_streaming">;
  /** Declared idempotent. */
  sendOrders: Method<"client_streaming">;
}> = serviceDesc(fileDesc(base64Encode(toBinary(FileDescriptorProtoSchema, file)), [file_google_protobuf_wrappers]), 0);

/** A call as it came in. */
export type OrderCall = { readonly method: string; readonly token: string };

/** The backend, listening. */
export type OrdersBackend = {
  readonly url: string;
  readonly calls: OrderCall[];
  /** What handlers did, after the guard. */
  readonly work: string[];
  /** Throws to refuse a call before any work is done; replaced by tests. */
  guard: (call: OrderCall) => Promise<void> | void;
  /** Runs in the midst of a stream's answers; replaced by tests. */
  midway: () => Promise<void> | void;
  readonly close: () => Promise<void>;
};

/** Starts the backend on a free port. It answers `ListOrders` and `ShipOrders` with three messages. */
export async function startOrders(): Promise<OrdersBackend> {
  const guard: Interceptor = (next) => async (request) => {
    const token = (request.header.get("authorization") ?? "").replace(/^Bearer /, "");
    const call = { method: request.method.name, token };
    backend.calls.push(call);
    await backend.guard(call);
    return next(request);
  };
  async function* three(name: string) {
    backend.work.push(name);
    yield { value: "1" };
    await backend.midway();
    yield { value: "2" };
    yield { value: "3" };
  }
  const server = createServer(
    connectNodeAdapter({
      interceptors: [guard],
      routes: (router) =>
        router.service(OrderService, {
          getOrder({ value }) {
            backend.work.push("GetOrder");
            return { value };
          },
          placeOrder({ value }) {
            backend.work.push("PlaceOrder");
            return { value };
          },
          listOrders: () => three("ListOrders"),
          shipOrders: () => three("ShipOrders"),
          async sendOrders(orders) {
            const sent: string[] = [];
            for await (const { value } of orders) sent.push(value);
            backend.work.push("SendOrders");
            return { value: sent.join() };
          },
        }),
    }),
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the backend has no port");
  const backend: OrdersBackend = {
    url: `http://127.0.0.1:${address.port}`,
    calls: [],
    work: [],
    guard: () => undefined,
    midway: () => undefined,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return backend;
}
