import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { createMethodSerializationLookup } from "@connectrpc/connect/protocol";
import { LIMITS } from "../../config.ts";
import { createDecoder } from "./decoder.ts";
import { createEncoder } from "./encoder.ts";
import { createJsonReader } from "./json-reader.ts";
import { createJsonWriter } from "./json-writer.ts";

/** Reads and writes the messages of one RPC in one encoding. Both throw what the library throws. */
export type Codec = {
  readonly parse: (bytes: Buffer) => Message;
  /** The message: bytes behind so many that are left free, or text. */
  readonly serialize: (message: Message, room: number) => Uint8Array | string;
};

/** How JSON is read and written. */
export type JsonOptions = Parameters<typeof createMethodSerializationLookup>[2];

/** The serialization of the RPC's messages, within the bounds of the contract: what the library does, by shorter ways. */
export function createCodecs(method: DescMethodUnary, jsonOptions: JsonOptions): { binary: Codec; json: Codec } {
  const lookup = createMethodSerializationLookup(method, undefined, jsonOptions, {
    readMaxBytes: LIMITS.requestBytes,
    writeMaxBytes: LIMITS.responseBytes,
  });
  const { input, output } = method;
  return {
    binary: {
      parse: reading(createDecoder(input), lookup.getI(true).parse),
      serialize: writingBytes(createEncoder(output), lookup.getO(true).serialize),
    },
    json: {
      parse: reading(createJsonReader(input), lookup.getI(false).parse),
      serialize: writingText(createJsonWriter(output), lookup.getO(false).serialize),
    },
  };
}

/** Reads by the shorter way what can be read so. */
function reading(read: ((bytes: Buffer) => Message | null) | null, byLibrary: Codec["parse"]): Codec["parse"] {
  if (read === null) return byLibrary;
  return (bytes) => (bytes.length > LIMITS.requestBytes ? null : read(bytes)) ?? byLibrary(bytes);
}

type ByLibrary = (message: Message) => Uint8Array;

function writingBytes(encode: ReturnType<typeof createEncoder>, byLibrary: ByLibrary): Codec["serialize"] {
  return (message, room) => {
    const bytes = encode?.(message, room);
    // Too long: for the library to say.
    if (bytes !== undefined && bytes.length - room <= LIMITS.responseBytes) return bytes;
    return Buffer.concat([Buffer.alloc(room), byLibrary(message)]);
  };
}

/** JSON has no frame in front of it. */
function writingText(write: ReturnType<typeof createJsonWriter>, byLibrary: ByLibrary): Codec["serialize"] {
  return (message) => {
    const text = write?.(message) ?? null;
    return text === null || text.length > LIMITS.responseBytes / LONGEST_CHARACTER ? byLibrary(message) : text;
  };
}

/** Bytes in UTF-8 for a unit of UTF-16, at most. */
const LONGEST_CHARACTER = 3;
