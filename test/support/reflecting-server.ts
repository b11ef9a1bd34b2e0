/** A server of somebody's that tells by reflection what it serves, in the way that a test wants. */
import { once } from "node:events";
import { createSecureServer, createServer, type Http2Server } from "node:http2";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createReflection } from "../../src/server/reflection.ts";
import type { Pair } from "./certificates.ts";

/** What the reflection is like. */
export type Reflecting = {
  readonly versions?: readonly ("v1" | "v1alpha")[];
  /** The only `authorization` that it answers to. */
  readonly authorization?: string;
  /** Speaks TLS with it. */
  readonly pair?: Pair;
};

/** Serves what the descriptor set describes, and health; where. It is stopped when the test is over. */
export function serveReflection(set: Uint8Array, reflecting: Reflecting = {}): Promise<string> {
  const files = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, set)).files];
  const services = files.flatMap((file) => file.services);
  const reflect = createReflection([...services, Health, ServerReflection, ServerReflectionAlpha]);
  return serveAnswers(reflect, reflecting);
}

/** Serves reflection with these answers. */
export async function serveAnswers(
  reflect: ReturnType<typeof createReflection>,
  { versions = ["v1", "v1alpha"], authorization, pair }: Reflecting = {},
): Promise<string> {
  const routes = (router: ConnectRouter) => {
    if (versions.includes("v1")) router.service(ServerReflection, { serverReflectionInfo: reflect });
    if (versions.includes("v1alpha")) router.service(ServerReflectionAlpha, { serverReflectionInfo: reflect });
  };
  const handler = connectNodeAdapter({
    routes,
    interceptors: [
      (next) => (request) => {
        const given = request.header.get("authorization");
        if (authorization === undefined || given === authorization) return next(request);
        throw new ConnectError("who are you?", Code.Unauthenticated);
      },
    ],
  });
  const server = pair === undefined ? createServer(handler) : createSecureServer(pair, handler);
  return `${pair === undefined ? "http" : "https"}://127.0.0.1:${await listening(server)}`;
}

async function listening(server: Http2Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
