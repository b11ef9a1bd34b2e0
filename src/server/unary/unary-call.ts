/**
 * One unary call, from its body to its answer. Where the handler answers at once, so
 * does this: nothing between the last byte of the request and the first of the answer
 * is waited for.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { LIMITS } from "../../config.ts";
import { callKey } from "../../rpc/call.ts";
import { type Answered, answeredWith, type Exchange } from "../exchange.ts";
import { type BodySource, readBody } from "../request-body.ts";
import type { WholeAnswer } from "../wire.ts";
import { failed, succeeded } from "./answers.ts";
import { type Body, collectBody, isBareMessage, isOneFrame } from "./body.ts";
import type { Codec } from "./codec.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Encoding } from "./encodings.ts";
import { createEnding } from "./ending.ts";
import { openFrame } from "./envelope.ts";
import { answerByLibrary } from "./library-answer.ts";
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

/** Runs the call that a request is, and sends its answer. */
export function runUnary(inbound: UnaryInbound, deadlines: Deadlines): void {
  const { route, exchange, source } = inbound;
  const { deadlineMs, encoding } = route;
  const endsAt = performance.now() + deadlineMs;
  const ending = createEnding();
  /** The body is read, or is not waited for any longer. */
  let isAnswering = false;
  // A call without any time is over before it begins.
  if (deadlineMs <= 0) ending.end(tooLate());

  const due = {
    endsAt,
    expire() {
      ending.end(tooLate());
      // The client has given up, and will not take what is left of the answer.
      if (exchange.answered !== null) inbound.breakOff();
      else if (!isAnswering) leaveToLibrary(failingBody(ending.toSignal()));
    },
  };
  const place = deadlines.add(due);
  exchange.onOver = () => {
    deadlines.remove(place);
    if (exchange.answered === null) ending.end(new ConnectError("the client went away", Code.Canceled));
  };
  collectBody(source, encoding.protocol === "connect" ? isBareMessage : isOneFrame, (body) => {
    if (isAnswering) return;
    const message = body.isWhole ? readMessage(route, body.bytes) : null;
    if (message === null) leaveToLibrary(restored(body));
    else answerMessage(message);
  });

  /** The body as it came and comes. */
  async function* restored({ bytes, isWhole }: Body): AsyncGenerator<Uint8Array> {
    if (bytes.length > 0) yield bytes;
    if (!isWhole) yield* readBody(source, ending.toSignal());
  }

  function answerMessage(message: Message): void {
    isAnswering = true;
    const metadata: Metadata = { header: null, trailer: null };
    const { toUrl, toHeaders } = inbound;
    const { toSignal, isOver } = ending;
    const values = createContextValues().set(callKey, exchange.call);
    // Whole milliseconds, as timers want them.
    const timeoutMs = () => Math.ceil(endsAt - performance.now());
    const call = { message, protocol: encoding.protocol, toUrl, toHeaders, toSignal, isOver, timeoutMs, values };
    const succeed = (response: Message) => deliver(answerOf(response, metadata));
    const fail = (error: unknown) => deliver(refusalOf(error, metadata));
    let response: Message | Promise<Message>;
    try {
      response = route.rpc.run(call, metadata);
    } catch (error) {
      fail(error);
      return;
    }
    if (response instanceof Promise) response.then(succeed, fail);
    else succeed(response);
  }

  function leaveToLibrary(body: AsyncIterable<Uint8Array>): void {
    isAnswering = true;
    const request = {
      httpVersion: inbound.httpVersion,
      method: "POST",
      url: inbound.toUrl(),
      header: inbound.toHeaders(),
      body,
      signal: ending.toSignal(),
      contextValues: createContextValues().set(callKey, exchange.call),
    };
    answerByLibrary({ handler: route.handler, protocol: encoding.protocol, request }).then(
      ({ answer, answered }) => deliver(answer, answered),
      (fault) => deliver(faultOf(fault)),
    );
  }

  function answerOf(response: Message, metadata: Metadata): WholeAnswer {
    try {
      return succeeded(encoding, route.codec.serialize(response, encoding.room), metadata);
    } catch (error) {
      return refusalOf(error, metadata);
    }
  }

  function refusalOf(error: unknown, metadata: Metadata): WholeAnswer {
    try {
      return failed(encoding, toStatus(error), metadata);
    } catch (fault) {
      return faultOf(fault);
    }
  }

  function faultOf(fault: unknown): WholeAnswer {
    noteFault(fault);
    return failed(encoding, new ConnectError("internal error", Code.Internal), NO_METADATA);
  }

  function noteFault(fault: unknown): void {
    exchange.call.outcome.code = "INTERNAL";
    exchange.call.outcome.cause ??= fault;
  }

  /** Nobody waits for what is thrown here, so nothing may be. */
  function deliver(answer: WholeAnswer, answered: Answered = answeredWith(answer.status)): void {
    if (exchange.over) return;
    exchange.answered = answered;
    try {
      inbound.send(answer);
    } catch (fault) {
      noteFault(fault);
      inbound.breakOff();
    }
  }
}

const NO_METADATA: Metadata = { header: null, trailer: null };

/** The message in a body, or `null` if it is anything but one message that can be read. */
function readMessage({ encoding, codec }: UnaryRoute, body: Buffer): Message | null {
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
