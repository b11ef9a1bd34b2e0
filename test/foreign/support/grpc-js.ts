/** The stock gRPC client of Node with its stock loader: no generated code, nothing of ours between. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type AnyDefinition, loadSync, type MessageTypeDefinition, type PackageDefinition } from "@grpc/proto-loader";
import { FOREIGN, ROOT } from "./workshop.ts";

/** What the client needs to know of a service; the loaders of all packages make that. */
export type Service = {
  readonly [method: string]: {
    readonly path: string;
    readonly requestSerialize: (request: object) => Buffer;
    readonly responseDeserialize: (bytes: Buffer) => object;
  };
};

/** As most programs set the loader: JSON's names, enums by name. */
const OPTIONS = { enums: String, longs: String, json: true } as const;

/** Loads proto files found in `folders`, with all that they import. */
export function loadProtos(files: readonly string[], folders: readonly string[]): PackageDefinition {
  return loadSync([...files], { ...OPTIONS, includeDirs: [...folders] });
}

/** A service of a package by its full name. */
export function serviceIn(definitions: PackageDefinition, name: string): Service {
  const found = definitions[name];
  if (found === undefined || isMessage(found) || "format" in found) throw new Error(`no service ${name}`);
  return found;
}

/** A client of 127.0.0.1. Close it when the test is done. */
export function connectTo(address: string): Client {
  return new Client(address, credentials.createInsecure());
}

/** A client over TLS, which shows a certificate if one is given. Close it when the test is done. */
export function connectOverTls(address: string, caFile: string, own?: { certFile: string; keyFile: string }): Client {
  const [key, cert] = own === undefined ? [null, null] : [readFileSync(own.keyFile), readFileSync(own.certFile)];
  // No name of a server may be an address (RFC 6066 section 3).
  const options = { "grpc.ssl_target_name_override": "localhost" };
  return new Client(address, credentials.createSsl(readFileSync(caFile), key, cert), options);
}

type CallOptions = { readonly metadata?: readonly (readonly [string, string])[]; readonly deadline?: number };

/** How a call ended. */
export type Ending = {
  readonly error: ServiceError | null;
  // biome-ignore lint/suspicious/noExplicitAny: the loader makes messages whose shape no compiler knows.
  readonly value: any;
  readonly headers: Metadata;
};

/** Makes a call; `cancel` gives it up. It never rejects. */
export function callGrpc(client: Client, service: Service, name: string, request: object, options: CallOptions = {}) {
  const { path, requestSerialize, responseDeserialize } = methodOf(service, name);
  const metadata = new Metadata();
  for (const [key, value] of options.metadata ?? []) metadata.add(key, value);
  const limits = options.deadline === undefined ? {} : { deadline: options.deadline };
  let headers = new Metadata();
  let cancel = () => {};
  const ended = new Promise<Ending>((resolve) => {
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      limits,
      (error, value) => resolve({ error, value, headers }),
    );
    call.on("metadata", (received) => {
      headers = received;
    });
    cancel = () => call.cancel();
  });
  return { ended, cancel };
}

/** A method of a service. */
export function methodOf(service: Service, name: string) {
  const method = service[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  return method;
}

const richErrors = () =>
  loadProtos(["status.proto", "google/rpc/error_details.proto"], [join(FOREIGN, "grpc-js"), join(ROOT, "proto-peers")]);

/** The details of an error, from the trailer that gRPC has for them. */
export function detailsOf(error: ServiceError | null): readonly object[] {
  const [trailer] = error?.metadata.get("grpc-status-details-bin") ?? [];
  const status = richErrors()["google.rpc.Status"];
  if (!(trailer instanceof Buffer) || status === undefined || !isMessage(status)) throw new Error("no details");
  const decoded = status.deserialize(trailer);
  return "details" in decoded && Array.isArray(decoded.details) ? decoded.details : [];
}

function isMessage(definition: AnyDefinition): definition is MessageTypeDefinition<object, object> {
  return definition.format === "Protocol Buffer 3 DescriptorProto";
}
