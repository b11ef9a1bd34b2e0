/** Streams of the stock gRPC client of Node: health and reflection, from the protos that their packages bring. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { service as health } from "grpc-health-check";
import { loadProtos, methodOf, serviceIn } from "./grpc-js.ts";

/** Watches the health of a service: the states so far, and the error that ends it. */
export function watchHealth(client: Client, service: string) {
  const { path, requestSerialize, responseDeserialize } = methodOf(health, "Watch");
  const stream = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    { service },
    new Metadata(),
  );
  const seen: unknown[] = [];
  stream.on("data", (message) => seen.push(message.status));
  const ended = new Promise<ServiceError>((resolve) => stream.on("error", resolve));
  return { seen, ended };
}

const reflectionFolder = join(
  dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json")),
  "build/proto/grpc/reflection",
);

/** The serialized file that declares a symbol, and those that it imports. */
export function askReflection(client: Client, version: "v1" | "v1alpha", symbol: string): Promise<readonly Buffer[]> {
  const definitions = loadProtos(["reflection.proto"], [join(reflectionFolder, version)]);
  const service = serviceIn(definitions, `grpc.reflection.${version}.ServerReflection`);
  const { path, requestSerialize, responseDeserialize } = methodOf(service, "ServerReflectionInfo");
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  return new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("data", ({ fileDescriptorResponse, errorResponse }) => {
      if (fileDescriptorResponse === undefined) reject(new Error(errorResponse?.errorMessage));
      else resolve(fileDescriptorResponse.fileDescriptorProto);
      stream.end();
    });
    stream.write({ fileContainingSymbol: symbol });
  });
}
