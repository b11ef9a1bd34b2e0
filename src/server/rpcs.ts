/** Every RPC that is served, with the limits that hold for all of them. */
import type { DescService } from "@bufbuild/protobuf";
import { type ConnectRouter, createConnectRouter, type Interceptor } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { LIMITS } from "../config.ts";
import { BOUNDS } from "./bounds.ts";
import { createHealth } from "./health.ts";
import { createReflection } from "./reflection.ts";
import { createUnaryAdapter, type UnaryAdapter } from "./unary/unary-adapter.ts";
import { noteUnary, type UnaryMethod } from "./unary/unary-method.ts";

type RpcsDeps = {
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: readonly Interceptor[];
  readonly services: readonly DescService[];
  readonly serviceNames: readonly string[];
  readonly isServing: () => boolean;
  readonly healthMs: number;
  readonly unaryBy: UnaryBy;
};

/**
 * What runs unary calls of the common kind: the lean adapter, or the library, which can run every call. Only the suite
 * that proves the two alike asks for the library.
 */
export type UnaryBy = "lean" | "library";

/**
 * JSON is UTF-8 (RFC 8259 section 8.1). Left to itself, the library puts U+FFFD for
 * what is not, and passwords that differ there would become one. Names that are not
 * in the contract are refused: a condition that is misspelt must not be overlooked.
 */
const JSON_OPTIONS = { ignoreUnknownFields: false, textDecoder: new TextDecoder("utf-8", { fatal: true }) };

/** What is served, by path, `/package.Service/Method`. */
export type Rpcs = {
  /** The library's handlers of all RPCs. */
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  /** The lean adapter over the unary ones. */
  readonly unary: UnaryAdapter;
};

/** Every RPC: ours, health's and reflection's, behind the same interceptors. */
export function createRpcs(deps: RpcsDeps): Rpcs {
  const { serviceNames, isServing } = deps;
  const libraryRouter = createConnectRouter({
    readMaxBytes: LIMITS.requestBytes,
    writeMaxBytes: LIMITS.responseBytes,
    // Not brotli: at the library's setting a large answer would take a thread for seconds.
    acceptCompression: [compressionGzip],
    jsonOptions: JSON_OPTIONS,
    interceptors: [...deps.interceptors],
  });
  const health = createHealth({
    serviceNames,
    isServing,
    pollMs: deps.healthMs,
    maxWatchers: BOUNDS.healthWatchers,
  });
  const serverReflectionInfo = createReflection([...deps.services, Health, ServerReflection, ServerReflectionAlpha]);
  const { router, unary } = noteUnary(libraryRouter, deps.interceptors);
  deps.routes(router);
  router
    .service(Health, health)
    .service(ServerReflection, { serverReflectionInfo })
    .service(ServerReflectionAlpha, { serverReflectionInfo });
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const lean = deps.unaryBy === "lean" ? unary : new Map<string, UnaryMethod>();
  return { handlers, unary: createUnaryAdapter({ unary: lean, handlers, jsonOptions: JSON_OPTIONS }) };
}
