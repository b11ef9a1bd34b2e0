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
import { arrivedBody, type Body, collectBody, isBareMessage, isOneFrame } from "./body.ts";
import type { Codec } from "./codec.ts";
import type { Deadlines, Due } from "./deadlines.ts";
import type { Encoding } from "./encodings.ts";
import { Ending } from "./ending.ts";
import { openFrame } from "./envelope.ts";
import { answerByLibrary } from "./library-answer.ts";
import type { Metadata, Origin } from "./seen-by-rpc.ts";
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
export type UnaryInbound = Origin & {
  readonly route: UnaryRoute;
  readonly exchange: Exchange;
  readonly httpVersion: string;
  readonly source: BodySource;
  /** Sends the answer. Called once, unless the client goes away. */
  readonly send: (answer: WholeAnswer) => void;
  /** Breaks off an answer that the client does not take. */
  readonly breakOff: () => void;
};

/** Runs the call that a request is, and sends its answer. */
export function runUnary(inbound: UnaryInbound, deadlines: Deadlines): void {
  const run = new UnaryRun(inbound);
  const place = deadlines.add(run);
  inbound.exchange.onOver = () => {
    deadlines.remove(place);
    run.over();
  };
  run.read();
}

/** A class, since most of what may happen to a call happens to few: functions of each one's own would be made for nothing. */
class UnaryRun implements Due {
  readonly endsAt: number;
  readonly #inbound: UnaryInbound;
  readonly #ending = new Ending();
  /** The body is read, or is not waited for any longer. */
  #isAnswering = false;

  constructor(inbound: UnaryInbound) {
    const { deadlineMs } = inbound.route;
    this.#inbound = inbound;
    this.endsAt = performance.now() + deadlineMs;
    // A call without any time is over before it begins.
    if (deadlineMs <= 0) this.#ending.end(tooLate());
  }

  /** The deadline has passed. */
  expire(): void {
    this.#ending.end(tooLate());
    // The client has given up, and will not take what is left of the answer.
    if (this.#inbound.exchange.answered !== null) this.#inbound.breakOff();
    else if (!this.#isAnswering) this.#leaveToLibrary(failingBody(this.#ending.toSignal()));
  }

  /** Nothing more can be written. */
  over(): void {
    if (this.#inbound.exchange.answered === null) {
      this.#ending.end(new ConnectError("the client went away", Code.Canceled));
    }
  }

  read(): void {
    const { source, route } = this.#inbound;
    const arrived = arrivedBody(source);
    if (arrived !== null) this.#take({ bytes: arrived, isWhole: true });
    else {
      const isCommon = route.encoding.protocol === "connect" ? isBareMessage : isOneFrame;
      collectBody(source, isCommon, (body) => this.#take(body));
    }
  }

  #take(body: Body): void {
    if (this.#isAnswering) return;
    const message = body.isWhole ? readMessage(this.#inbound.route, body.bytes) : null;
    if (message === null) this.#leaveToLibrary(this.#restored(body));
    else this.#answerMessage(message);
  }

  /** The body as it came and comes. */
  async *#restored({ bytes, isWhole }: Body): AsyncGenerator<Uint8Array> {
    if (bytes.length > 0) yield bytes;
    if (!isWhole) yield* readBody(this.#inbound.source, this.#ending.toSignal());
  }

  #answerMessage(message: Message): void {
    this.#isAnswering = true;
    const { exchange, route } = this.#inbound;
    const metadata: Metadata = { header: null, trailer: null };
    let response: Message | Promise<Message>;
    try {
      response = route.rpc.run(
        {
          message,
          protocol: route.encoding.protocol,
          origin: this.#inbound,
          ending: this.#ending,
          endsAt: this.endsAt,
          values: createContextValues().set(callKey, exchange.call),
        },
        metadata,
      );
    } catch (error) {
      this.#deliver(this.#refusalOf(error, metadata));
      return;
    }
    if (!(response instanceof Promise)) this.#deliver(this.#answerOf(response, metadata));
    else {
      response.then(
        (message) => this.#deliver(this.#answerOf(message, metadata)),
        (error) => this.#deliver(this.#refusalOf(error, metadata)),
      );
    }
  }

  #leaveToLibrary(body: AsyncIterable<Uint8Array>): void {
    this.#isAnswering = true;
    const { exchange, route, httpVersion } = this.#inbound;
    const request = {
      httpVersion,
      method: "POST",
      url: this.#inbound.toUrl(),
      header: this.#inbound.toHeaders(),
      body,
      signal: this.#ending.toSignal(),
      contextValues: createContextValues().set(callKey, exchange.call),
    };
    answerByLibrary({ handler: route.handler, protocol: route.encoding.protocol, request }).then(
      ({ answer, answered }) => this.#deliver(answer, answered),
      (fault) => this.#deliver(this.#faultOf(fault)),
    );
  }

  #answerOf(response: Message, metadata: Metadata): WholeAnswer {
    const { codec, encoding } = this.#inbound.route;
    try {
      return succeeded(encoding, codec.serialize(response, encoding.room), metadata);
    } catch (error) {
      return this.#refusalOf(error, metadata);
    }
  }

  #refusalOf(error: unknown, metadata: Metadata): WholeAnswer {
    try {
      return failed(this.#inbound.route.encoding, toStatus(error), metadata);
    } catch (fault) {
      return this.#faultOf(fault);
    }
  }

  #faultOf(fault: unknown): WholeAnswer {
    this.#noteFault(fault);
    return failed(this.#inbound.route.encoding, new ConnectError("internal error", Code.Internal), NO_METADATA);
  }

  #noteFault(fault: unknown): void {
    const { outcome } = this.#inbound.exchange.call;
    outcome.code = "INTERNAL";
    outcome.cause ??= fault;
  }

  /** Nobody waits for what is thrown here, so nothing may be. */
  #deliver(answer: WholeAnswer, answered: Answered = answeredWith(answer.status)): void {
    const { exchange } = this.#inbound;
    if (exchange.over) return;
    exchange.answered = answered;
    try {
      this.#inbound.send(answer);
    } catch (fault) {
      this.#noteFault(fault);
      this.#inbound.breakOff();
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
