/** Calls of a service of which the caller has a descriptor set and nothing else. */
import { readFileSync } from "node:fs";
import {
  create,
  createFileRegistry,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";

/** The calls. */
export type DescribedCalls = {
  /** Calls a unary method, with this token unless it is empty. */
  readonly call: (method: string, request: JsonObject, token: string) => Promise<JsonValue>;
  /** What a method streams. */
  readonly stream: (method: string, request: JsonObject, token: string) => AsyncGenerator<JsonValue>;
};

/** Calls of the service of that name, as the file describes it. */
export function describedCalls(file: string, typeName: string, transport: Transport): DescribedCalls {
  const service = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file))).getService(typeName);
  if (service === undefined) throw new Error(`${file} does not describe ${typeName}`);

  function methodOf(name: string) {
    const method = service?.methods.find((each) => each.name === name);
    if (method === undefined) throw new Error(`${typeName} has no ${name}`);
    return method;
  }
  const headersOf = (token: string) => (token === "" ? {} : { authorization: `Bearer ${token}` });

  return {
    async call(name, request, token) {
      const method = { ...methodOf(name), methodKind: "unary" } as const;
      const message = create(method.input, fromJson(method.input, request));
      const answer = await transport.unary(method, undefined, 20_000, headersOf(token), message, undefined);
      return toJson(method.output, answer.message);
    },
    async *stream(name, request, token) {
      const method = { ...methodOf(name), methodKind: "server_streaming" } as const;
      const message = create(method.input, fromJson(method.input, request));
      const requests = (async function* () {
        yield message;
      })();
      const answer = await transport.stream(method, undefined, undefined, headersOf(token), requests, undefined);
      for await (const each of answer.message) yield toJson(method.output, each);
    },
  };
}
