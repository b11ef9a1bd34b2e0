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
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { LIMITS } from "../../config.ts";
import { callKey } from "../../rpc/call.ts";
import { deadlineOf } from "../deadline.ts";
import { answeredWith, type Exchange } from "../exchange.ts";
import { type BodySource, readBody } from "../request-body.ts";
import type { WholeAnswer } from "../wire.ts";
import { failed, succeeded } from "./answers.ts";
import { type Body, collectBody, isBareMessage, isOneFrame } from "./body.ts";
import { type Codec, createCodecs, type JsonOptions } from "./codec.ts";
import { ENCODINGS, type Encoding } from "./encodings.ts";
import { openFrame } from "./envelope.ts";
import { answerByLibrary, type Outgoing } from "./library-answer.ts";
import type { Metadata } from "./seen-by-rpc.ts";
import type { UnaryMethod } from "./unary-method.ts";

/** How a request is to be run. */
export type UnaryRoute = {
  readonly rpc: UnaryMethod;
  readonly codec: Codec;
  readonly encoding: Encoding;
  /** The library's handler of the same RPC. */
  readonly handler: UniversalHandler;
  /** How long the call may take, in milliseconds. */
  readonly deadlineMs: number;
};

/** A request on its way to its RPC. */
export type UnaryInbound = {
  readonly route: UnaryRoute;
  readonly exchange: Exchange;
  readonly httpVersion: string;
  /** Makes the request's URL. */
  readonly toUrl: () => string;
  /** Makes the request's headers. */
  readonly toHeaders: () => Headers;
  readonly source: BodySource;
  /** Sends the answer. Called once, unless the client goes away. */
  readonly send: (answer: WholeAnswer) => void;
  /** Breaks off an answer that the client does not take. */
  readonly breakOff: () => void;
};

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
    run,
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

function run(inbound: UnaryInbound): void {
  const { route, exchange, source } = inbound;
  const { deadlineMs, encoding } = route;
  const endsAt = performance.now() + deadlineMs;
  const abort = new AbortController();
  /** The body is read, or is not waited for any longer. */
  let isAnswering = false;
  // A call without any time is over before it begins.
  if (deadlineMs <= 0) abort.abort(tooLate());

  const timer = setTimeout(() => {
    abort.abort(tooLate());
    // The client has given up, and will not take what is left of the answer.
    if (exchange.answered !== null) inbound.breakOff();
    else answer(() => byLibrary(failingBody(abort.signal)));
  }, deadlineMs);
  exchange.onOver = () => {
    clearTimeout(timer);
    if (exchange.answered === null) abort.abort(new ConnectError("the client went away", Code.Canceled));
  };
  collectBody(source, encoding.protocol === "connect" ? isBareMessage : isOneFrame, (body) =>
    answer(() => answerBody(body)),
  );

  function answer(make: () => Promise<Outgoing>): void {
    if (isAnswering) return;
    isAnswering = true;
    make().catch(toFault).then(deliver);
  }

  /** Nobody waits for what is thrown here, so nothing may be. */
  function deliver({ answer, answered }: Outgoing): void {
    if (exchange.over) return;
    exchange.answered = answered;
    try {
      inbound.send(answer);
    } catch (fault) {
      toFault(fault);
      inbound.breakOff();
    }
  }

  async function answerBody(body: Body): Promise<Outgoing> {
    const message = body.isWhole ? readMessage(route, body.bytes) : null;
    return message === null ? byLibrary(restored(body)) : answerMessage(message);
  }

  /** The body as it came and comes. */
  async function* restored({ bytes, isWhole }: Body): AsyncGenerator<Uint8Array> {
    if (bytes.length > 0) yield bytes;
    if (!isWhole) yield* readBody(source, abort.signal);
  }

  async function answerMessage(message: Message): Promise<Outgoing> {
    const metadata: Metadata = { header: null, trailer: null };
    const { toUrl, toHeaders } = inbound;
    const values = createContextValues().set(callKey, exchange.call);
    // Whole milliseconds, as timers want them.
    const timeoutMs = () => Math.ceil(endsAt - performance.now());
    const call = { message, protocol: encoding.protocol, toUrl, toHeaders, signal: abort.signal, timeoutMs, values };
    try {
      const response = await route.rpc.run(call, metadata);
      return outgoing(succeeded(encoding, route.codec.serialize(response), metadata));
    } catch (error) {
      return outgoing(failed(encoding, toStatus(error), metadata));
    }
  }

  function byLibrary(body: AsyncIterable<Uint8Array>): Promise<Outgoing> {
    return answerByLibrary({
      handler: route.handler,
      protocol: encoding.protocol,
      request: {
        httpVersion: inbound.httpVersion,
        method: "POST",
        url: inbound.toUrl(),
        header: inbound.toHeaders(),
        body,
        signal: abort.signal,
        contextValues: createContextValues().set(callKey, exchange.call),
      },
    });
  }

  function toFault(fault: unknown): Outgoing {
    exchange.call.outcome.code = "INTERNAL";
    exchange.call.outcome.cause ??= fault;
    return outgoing(failed(encoding, new ConnectError("internal error", Code.Internal), NO_METADATA));
  }
}

const NO_METADATA: Metadata = { header: null, trailer: null };

function outgoing(answer: WholeAnswer): Outgoing {
  return { answer, answered: answeredWith(answer.status) };
}

/** The message in a body, or `null` if it is anything but one message that can be read. */
function readMessage({ encoding, codec }: UnaryRoute, body: Uint8Array): Message | null {
  const bytes = encoding.protocol === "connect" ? body : openFrame(body);
  if (bytes === null || bytes.length > LIMITS.requestBytes) return null;
  try {
    return codec.parse(bytes);
  } catch {
    return null;
  }
}

/** A body of which no more comes. */
async function* failingBody({ reason }: AbortSignal): AsyncGenerator<Uint8Array> {
  yield* [];
  throw reason;
}

/** The interceptors have put whatever was thrown into a status; what is thrown after them is a fault of ours. */
function toStatus(error: unknown): ConnectError {
  return error instanceof ConnectError ? error : new ConnectError("internal error", Code.Internal);
}

function tooLate(): ConnectError {
  return new ConnectError("the deadline passed before the request was complete", Code.DeadlineExceeded);
}
