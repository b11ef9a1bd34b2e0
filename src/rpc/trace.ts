/**
 * A span for every RPC, by the API package of OpenTelemetry alone: whoever operates
 * Sallyport brings an SDK and registers it; without one, a call pays for a look at
 * the API and nothing more. Attributes follow the semantic conventions for RPC.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import {
  type Context,
  context,
  ProxyTracerProvider,
  propagation,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from "@opentelemetry/api";
import { callKey } from "./call.ts";
import { codeName } from "./observe.ts";
import { interceptorOf } from "./step.ts";

/** How a call ended: `null` is OK. */
type End = (error: unknown) => void;

/** Codes that a server's span calls an error; the others are the client's doing. */
const FAULTS: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

const HEADERS: TextMapGetter<Headers> = {
  get: (headers, name) => headers.get(name) ?? undefined,
  keys: (headers) => [...headers.keys()],
};

/** The interceptor; it uses whatever SDK is registered when a call comes. */
export function createTracing(): Interceptor {
  const tracer = trace.getTracer("sallyport");
  const beginningOf = rememberBeginnings();

  return interceptorOf((next) => (request) => {
    if (!isTraced()) return next(request);
    const { method, header, contextValues, signal } = request;
    const isGrpc = header.get("content-type")?.startsWith("application/grpc") ?? false;
    const parent = parentOf(header);
    const { name, options } = beginningOf(method, isGrpc);
    const span = tracer.startSpan(name, options, parent);
    const call = contextValues.get(callKey);
    const active = trace.setSpan(parent, span);
    span.setAttribute("sallyport.request_id", call.id);
    const end = once((error) => {
      if (call.outcome.reason !== null) span.setAttribute("sallyport.reason", call.outcome.reason);
      endSpan(span, isGrpc, error);
    });
    return context.with(active, async () => {
      try {
        const response = await next(request);
        if (!response.stream) {
          end(null);
          return response;
        }
        // A stream that nobody reads any more is not always told so.
        signal.addEventListener("abort", () => end(signal.reason), { once: true });
        return { ...response, message: within(active, response.message, end) };
      } catch (error) {
        end(error);
        throw error;
      }
    });
  });
}

/** What the API uses while nobody has registered anything. */
const NO_SDK = new ProxyTracerProvider().getDelegate();

function isTraced(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== NO_SDK;
}

/** The span of the HTTP server, where one is instrumented; else what the client says. */
function parentOf(header: Headers): Context {
  const current = context.active();
  return trace.getSpan(current) === undefined ? propagation.extract(current, header, HEADERS) : current;
}

/**
 * The messages, each made with `active` as the context. A handler of a stream runs
 * when it is asked for the next message, in the context of whoever asks: that is
 * the wire, which knows of no span.
 */
function within<T>(active: Context, messages: AsyncIterable<T>, end: End): AsyncIterable<T> {
  async function step(advance: () => Promise<IteratorResult<T>> | undefined): Promise<IteratorResult<T>> {
    try {
      const result = (await context.with(active, advance)) ?? { done: true, value: undefined };
      if (result.done) end(null);
      return result;
    } catch (error) {
      end(error);
      throw error;
    }
  }
  return {
    [Symbol.asyncIterator]() {
      const inner = context.with(active, () => messages[Symbol.asyncIterator]());
      return {
        next: () => step(() => inner.next()),
        return: (value?: unknown) => step(() => inner.return?.(value)),
        throw: (error?: unknown) => step(() => inner.throw?.(error) ?? Promise.reject(error)),
      };
    },
  };
}

function endSpan(span: Span, isGrpc: boolean, error: unknown): void {
  const code = error === null ? null : ConnectError.from(error).code;
  if (isGrpc) span.setAttribute("rpc.grpc.status_code", code ?? 0);
  else if (code !== null) span.setAttribute("rpc.connect_rpc.error_code", codeName(code).toLowerCase());
  if (code !== null && FAULTS.has(code)) {
    span.setAttribute("error.type", codeName(code));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** What a span begins with. */
type Beginning = { readonly name: string; readonly options: SpanOptions };

/** Beginnings by method and protocol, each made once. */
function rememberBeginnings(): (method: DescMethod, isGrpc: boolean) => Beginning {
  const known = { grpc: new Map<DescMethod, Beginning>(), connect: new Map<DescMethod, Beginning>() };
  return function beginningOf(method, isGrpc) {
    const kept = known[isGrpc ? "grpc" : "connect"].get(method);
    if (kept !== undefined) return kept;
    const made = createBeginning(method, isGrpc);
    known[isGrpc ? "grpc" : "connect"].set(method, made);
    return made;
  };
}

function createBeginning({ parent: { typeName }, name }: DescMethod, isGrpc: boolean): Beginning {
  const system = isGrpc ? "grpc" : "connect_rpc";
  const attributes = { "rpc.system": system, "rpc.service": typeName, "rpc.method": name };
  return { name: `${typeName}/${name}`, options: { kind: SpanKind.SERVER, attributes } };
}

function once(end: End): End {
  let isOver = false;
  return (error) => {
    if (!isOver) end(error);
    isOver = true;
  };
}
