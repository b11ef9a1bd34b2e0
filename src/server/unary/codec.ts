import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { createMethodSerializationLookup } from "@connectrpc/connect/protocol";
import { LIMITS } from "../../config.ts";
import { createEncoder } from "./encoder.ts";

/** Reads and writes the messages of one RPC in one encoding. Both throw what the library throws. */
export type Codec = {
  readonly parse: (bytes: Uint8Array) => Message;
  readonly serialize: (message: Message) => Uint8Array;
};

/** How JSON is read and written. */
export type JsonOptions = Parameters<typeof createMethodSerializationLookup>[2];

/** The library's own serialization of the RPC's messages, within the bounds of the contract. */
export function createCodecs(method: DescMethodUnary, jsonOptions: JsonOptions) {
  const lookup = createMethodSerializationLookup(method, undefined, jsonOptions, {
    readMaxBytes: LIMITS.requestBytes,
    writeMaxBytes: LIMITS.responseBytes,
  });
  const json: Codec = { parse: lookup.getI(false).parse, serialize: lookup.getO(false).serialize };
  const library: Codec = { parse: lookup.getI(true).parse, serialize: lookup.getO(true).serialize };
  return { binary: { parse: library.parse, serialize: fastest(method, library.serialize) }, json };
}

/** Writes as the library does. */
function fastest({ output }: DescMethodUnary, byLibrary: Codec["serialize"]): Codec["serialize"] {
  const encode = createEncoder(output);
  if (encode === null) return byLibrary;
  return (message) => {
    const bytes = encode(message);
    // Too long: for the library to say.
    return bytes.length > LIMITS.responseBytes ? byLibrary(message) : bytes;
  };
}
