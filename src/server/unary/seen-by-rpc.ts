/**
 * What interceptors and implementations see of a unary call, in the library's terms.
 * Most of them look at little of it, so headers, URL and metadata are made when
 * somebody does. Classes, unlike nearly all else: a getter on a prototype costs nothing
 * until it is asked, a getter of each object's own costs more than the call.
 */
import type { DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import type { ContextValues, HandlerContext, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import type { Protocol } from "../protocol.ts";
import type { Ending } from "./ending.ts";

/** One call of a unary RPC. */
export type UnaryCall = {
  readonly message: Message;
  readonly protocol: Protocol;
  readonly origin: Origin;
  readonly ending: Pick<Ending, "isOver" | "toSignal">;
  /** The deadline, by `performance.now`. */
  readonly endsAt: number;
  readonly values: ContextValues;
};

/** What a call came with besides its message; made only if somebody looks. */
export type Origin = {
  readonly toUrl: () => string;
  readonly toHeaders: () => Headers;
};

/** Metadata of an answer; `null` where nobody has touched any. */
export type Metadata = { header: Headers | null; trailer: Headers | null };

/** The request, as interceptors see it. */
export class SeenRequest implements UnaryRequest {
  readonly stream = false;
  readonly requestMethod = "POST";
  readonly method: DescMethodUnary;
  readonly message: Message;
  readonly contextValues: ContextValues;
  readonly #call: UnaryCall;
  #header: Headers | null = null;

  constructor(method: DescMethodUnary, call: UnaryCall) {
    this.method = method;
    this.message = call.message;
    this.contextValues = call.values;
    this.#call = call;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get url(): string {
    return this.#call.origin.toUrl();
  }

  get signal(): AbortSignal {
    return this.#call.ending.toSignal();
  }

  /** Whether the signal has aborted; told without making one. */
  get isOver(): boolean {
    return this.#call.ending.isOver();
  }

  get header(): Headers {
    this.#header ??= this.#call.origin.toHeaders();
    return this.#header;
  }
}

/** The context, as the implementation sees it: of the request as the last interceptor has handed it on. */
export class SeenContext implements HandlerContext {
  readonly #request: UnaryRequest;
  readonly #call: UnaryCall;
  readonly #metadata: Metadata;

  constructor(request: UnaryRequest, call: UnaryCall, metadata: Metadata) {
    this.#request = request;
    this.#call = call;
    this.#metadata = metadata;
  }

  get service(): DescService {
    return this.#request.service;
  }

  get method(): DescMethodUnary {
    return this.#request.method;
  }

  get requestMethod(): string {
    return this.#request.requestMethod;
  }

  get protocolName(): string {
    return this.#call.protocol;
  }

  get url(): string {
    return this.#request.url;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get values(): ContextValues {
    return this.#request.contextValues;
  }

  get timeoutMs(): () => number {
    const { endsAt } = this.#call;
    // Whole milliseconds, as timers want them.
    return () => Math.ceil(endsAt - performance.now());
  }

  get requestHeader(): Headers {
    return this.#request.header;
  }

  get responseHeader(): Headers {
    return touched(this.#metadata, "header");
  }

  get responseTrailer(): Headers {
    return touched(this.#metadata, "trailer");
  }
}

/** The answer, as interceptors see it. */
export class SeenResponse implements UnaryResponse {
  readonly stream = false;
  readonly method: DescMethodUnary;
  readonly message: Message;
  readonly #metadata: Metadata;

  constructor(method: DescMethodUnary, message: Message, metadata: Metadata) {
    this.method = method;
    this.message = message;
    this.#metadata = metadata;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get header(): Headers {
    return touched(this.#metadata, "header");
  }

  get trailer(): Headers {
    return touched(this.#metadata, "trailer");
  }
}

function touched(metadata: Metadata, part: keyof Metadata): Headers {
  metadata[part] ??= new Headers();
  return metadata[part];
}
