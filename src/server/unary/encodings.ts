/** Content types of unary calls that the lean adapter takes; any other spelling is left to the library. */
import type { Protocol } from "../protocol.ts";
import { FRAME_PREFIX_BYTES } from "./envelope.ts";

/** How a call is written. */
export type Encoding = {
  readonly protocol: Protocol;
  readonly isBinary: boolean;
  /** Content type of the answer. */
  readonly contentType: string;
  /** The headers of an answer for which nobody has set any more. */
  readonly plainHeaders: Readonly<Record<string, string>>;
  /** Bytes in front of a message. */
  readonly room: number;
  /** Request header that names the compression of the body. */
  readonly compressionHeader: "grpc-encoding" | "content-encoding";
};

const GRPC: Encoding = {
  protocol: "grpc",
  isBinary: true,
  contentType: "application/grpc+proto",
  plainHeaders: { "content-type": "application/grpc+proto" },
  room: FRAME_PREFIX_BYTES,
  compressionHeader: "grpc-encoding",
};
const GRPC_WEB: Encoding = {
  protocol: "grpc-web",
  isBinary: true,
  contentType: "application/grpc-web+proto",
  plainHeaders: { "content-type": "application/grpc-web+proto" },
  room: FRAME_PREFIX_BYTES,
  compressionHeader: "grpc-encoding",
};
const CONNECT_BINARY: Encoding = {
  protocol: "connect",
  isBinary: true,
  contentType: "application/proto",
  plainHeaders: { "content-type": "application/proto" },
  room: 0,
  compressionHeader: "content-encoding",
};
const CONNECT_JSON: Encoding = {
  protocol: "connect",
  isBinary: false,
  contentType: "application/json",
  plainHeaders: { "content-type": "application/json" },
  room: 0,
  compressionHeader: "content-encoding",
};

/** By the content type of the request. */
export const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ["application/grpc", GRPC],
  ["application/grpc+proto", GRPC],
  ["application/grpc-web", GRPC_WEB],
  ["application/grpc-web+proto", GRPC_WEB],
  ["application/proto", CONNECT_BINARY],
  ["application/json", CONNECT_JSON],
  ["application/json; charset=utf-8", CONNECT_JSON],
  ["application/json;charset=utf-8", CONNECT_JSON],
]);
