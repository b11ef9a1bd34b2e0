/**
 * The lean adapter: unary calls of the common kind (POST, no compression, one of
 * the content types that clients really send) without what streams need.
 *
 * It reads and answers; what an RPC does and who may call it is the business of
 * the same interceptors and implementations that the library runs. Whatever is out
 * of the ordinary, in the headers or in the body, goes to the library's handler,
 * whose words are then the only ones.
 */
import type { IncomingHttpHeaders } from "node:http2";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { LIMITS } from "../../config.ts";
import { deadlineOf } from "../deadline.ts";
import { createCodecs, type JsonOptions } from "./codec.ts";
import { createDeadlines } from "./deadlines.ts";
import { ENCODINGS, type Encoding } from "./encodings.ts";
import { runUnary, type UnaryInbound, type UnaryRoute } from "./unary-call.ts";
import type { UnaryMethod } from "./unary-method.ts";

/** Takes unary calls. */
export type UnaryAdapter = {
  /** How a POST is to be run, told by its headers; `null` if that is not for the lean adapter. */
  readonly route: (path: string, headers: IncomingHttpHeaders, isHttp2: boolean) => UnaryRoute | null;
  /** Runs the call that a request is, and sends its answer. */
  readonly run: (inbound: UnaryInbound) => void;
};

type UnaryAdapterDeps = {
  readonly unary: ReadonlyMap<string, UnaryMethod>;
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  readonly jsonOptions: JsonOptions;
};

/** The lean adapter over `unary`. */
export function createUnaryAdapter({ unary, handlers, jsonOptions }: UnaryAdapterDeps): UnaryAdapter {
  const rpcs = new Map(
    [...unary].flatMap(([path, rpc]) => {
      const handler = handlers.get(path);
      return handler === undefined ? [] : [[path, { rpc, handler, codecs: createCodecs(rpc.method, jsonOptions) }]];
    }),
  );
  const isHost = createHostCheck();
  const deadlines = createDeadlines();
  return {
    route(path, headers, isHttp2) {
      const found = rpcs.get(path);
      const encoding = ENCODINGS.get(headers["content-type"] ?? "");
      if (found === undefined || encoding === undefined || !isOrdinary(headers, encoding, isHttp2)) return null;
      if (!isHost(headers[":authority"] ?? headers.host)) return null;
      const deadlineMs = deadlineOf(headers, encoding.protocol);
      if (deadlineMs === null) return null;
      const { rpc, handler, codecs } = found;
      return { rpc, handler, codec: encoding.isBinary ? codecs.binary : codecs.json, encoding, deadlineMs };
    },
    run: (inbound) => runUnary(inbound, deadlines),
  };
}

/** Whether a request names a host. Most name the one that the last one named. */
function createHostCheck(): (host: string | undefined) => boolean {
  let known: string | null = null;
  return (host) => {
    if (host === undefined) return false;
    if (host !== known) {
      if (!URL.canParse(`http://${host}`)) return false;
      known = host;
    }
    return true;
  };
}

/** No compression, a size within bounds, and gRPC only where there are trailers. */
function isOrdinary(
  headers: IncomingHttpHeaders,
  { protocol, compressionHeader }: Encoding,
  isHttp2: boolean,
): boolean {
  if (protocol === "grpc" && !isHttp2) return false;
  const compression = headers[compressionHeader];
  if (compression !== undefined && compression !== "identity") return false;
  // On HTTP/1 Node has answered that.
  if (isHttp2 && headers.expect !== undefined) return false;
  const size = headers["content-length"];
  return size === undefined || Number(size) <= LIMITS.requestBytes;
}
