import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { createMethodSerializationLookup } from "@connectrpc/connect/protocol";
import { LIMITS } from "../../config.ts";

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
  function codec(isBinary: boolean): Codec {
    const { parse } = lookup.getI(isBinary);
    const { serialize } = lookup.getO(isBinary);
    return { parse, serialize };
  }
  return { binary: codec(true), json: codec(false) };
}
