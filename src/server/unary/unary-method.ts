/**
 * Unary RPCs as the lean adapter runs them: the very implementations and the very
 * interceptors that the library runs, put together once instead of at every call.
 */
import { create, type DescMethod, type DescMethodUnary, isMessage, type Message } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  type ContextValues,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import type { Protocol } from "../protocol.ts";

/** One call of a unary RPC, as far as interceptors and implementation can see it. */
export type UnaryCall = {
  readonly message: Message;
  readonly protocol: Protocol;
  readonly url: string;
  /** Makes the request's headers; called only if somebody looks. */
  readonly toHeaders: () => Headers;
  readonly signal: AbortSignal;
  /** What is left of the deadline, in milliseconds. */
  readonly timeoutMs: () => number;
  readonly values: ContextValues;
};

/** What came of a call. Metadata is `null` where nobody has touched any. */
export type UnaryResult = Metadata & { readonly message: Message };

/** Metadata of an answer. */
export type Metadata = { header: Headers | null; trailer: Headers | null };

/** A unary RPC behind its interceptors. A refused call rejects; what metadata it had is in `metadata`. */
export type UnaryMethod = {
  /** `package.Service/Method`. */
  readonly name: string;
  readonly method: DescMethodUnary;
  readonly run: (call: UnaryCall, metadata: Metadata) => Promise<Message>;
};

/** Runs an RPC, whatever its messages are. */
type Implementation = (message: Message, context: HandlerContext) => unknown;

/** What the innermost step knows of a call beyond the request that was handed on to it. */
type Behind = { readonly call: UnaryCall; readonly metadata: Metadata };
const behindKey = createContextKey<Behind | null>(null, { description: "unary call" });

/** A router that registers with `router`, and every unary RPC that went by, by path. */
export function noteUnary(router: ConnectRouter, interceptors: readonly Interceptor[]) {
  const unary = new Map<string, UnaryMethod>();
  const noting: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      router.service(service, implementation, options);
      for (const method of service.methods) {
        const run: unknown = Reflect.get(implementation, method.localName);
        if (!isUnary(method) || !isImplementation(run)) continue;
        const implemented: Implementation = (message, context) => run.call(implementation, message, context);
        unary.set(`/${service.typeName}/${method.name}`, compose(method, implemented, interceptors));
      }
      return noting;
    },
    rpc(method, implementation, options) {
      router.rpc(method, implementation, options);
      return noting;
    },
  };
  return { router: noting, unary };
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isImplementation(value: unknown): value is Implementation {
  return typeof value === "function";
}

/** The chain around one implementation, the first interceptor outermost. */
function compose(
  method: DescMethodUnary,
  implementation: Implementation,
  interceptors: readonly Interceptor[],
): UnaryMethod {
  async function innermost(request: UnaryRequest): Promise<UnaryResponse> {
    const behind = request.contextValues.get(behindKey);
    if (behind === null) throw new Error("an interceptor has replaced the context values");
    const answered = await implementation(request.message, contextOf(request, behind));
    const { metadata } = behind;
    return {
      stream: false,
      service: method.parent,
      method,
      message: toMessage(method, answered),
      get header() {
        return touched(metadata, "header");
      },
      get trailer() {
        return touched(metadata, "trailer");
      },
    };
  }

  type Step = Parameters<Interceptor>[0];
  const chain = interceptors.reduceRight<Step>(
    (next, interceptor) => interceptor(next),
    (request) => (request.stream ? Promise.reject(new Error("not a stream")) : innermost(request)),
  );

  return {
    name: `${method.parent.typeName}/${method.name}`,
    method,
    async run(call, metadata) {
      call.values.set(behindKey, { call, metadata });
      const response = await chain(requestOf(method, call));
      if (response.stream) throw new Error(`${method.name} was answered by a stream`);
      return response.message;
    },
  };
}

function requestOf(method: DescMethodUnary, call: UnaryCall): UnaryRequest {
  let header: Headers | null = null;
  return {
    stream: false,
    service: method.parent,
    method,
    requestMethod: "POST",
    url: call.url,
    signal: call.signal,
    contextValues: call.values,
    message: call.message,
    get header() {
      header ??= call.toHeaders();
      return header;
    },
  };
}

function contextOf(request: UnaryRequest, { call, metadata }: Behind): HandlerContext {
  return {
    service: request.service,
    method: request.method,
    requestMethod: request.requestMethod,
    protocolName: call.protocol,
    url: request.url,
    signal: request.signal,
    values: request.contextValues,
    timeoutMs: call.timeoutMs,
    get requestHeader() {
      return request.header;
    },
    get responseHeader() {
      return touched(metadata, "header");
    },
    get responseTrailer() {
      return touched(metadata, "trailer");
    },
  };
}

/** Handlers may answer with the fields of a message alone. */
function toMessage({ output, name }: DescMethodUnary, answered: unknown): Message {
  if (isMessage(answered, output)) return answered;
  if (typeof answered !== "object" || answered === null) throw new Error(`${name} was answered with no message`);
  return create(output, { ...answered });
}

function touched(metadata: Metadata, part: keyof Metadata): Headers {
  metadata[part] ??= new Headers();
  return metadata[part];
}
