import { createContextValues, type Interceptor, type Transport } from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";

/**
 * A transport whose calls go through an interceptor on their way to another transport,
 * however that was made. A call's deadline is one for all that the interceptor does.
 */
export function interceptedTransport(transport: Transport, interceptor: Interceptor): Transport {
  const interceptors = [interceptor];
  return {
    unary(method, signal, timeoutMs, header, message, contextValues = createContextValues()) {
      const left = countdown(timeoutMs);
      return runUnaryCall({
        req: { ...common(method), stream: false, method, header: new Headers(header), message, contextValues },
        next: (req) => transport.unary(method, req.signal, left(), req.header, message, req.contextValues),
        interceptors,
        ...limits(signal, timeoutMs),
      });
    },
    stream(method, signal, timeoutMs, header, message, contextValues = createContextValues()) {
      const left = countdown(timeoutMs);
      return runStreamingCall({
        req: { ...common(method), stream: true, method, header: new Headers(header), message, contextValues },
        next: (req) => transport.stream(method, req.signal, left(), req.header, req.message, req.contextValues),
        interceptors,
        ...limits(signal, timeoutMs),
      });
    },
  };
}

/** What an interceptor may want to know; only the transport inside knows where it leads. */
function common<Service extends { readonly typeName: string }>({ name, parent }: { name: string; parent: Service }) {
  return { service: parent, requestMethod: "POST", url: `/${parent.typeName}/${name}` };
}

function limits(signal: AbortSignal | undefined, timeoutMs: number | undefined) {
  return { ...(signal !== undefined && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** What is left of a time; none and zero mean that there is no limit, as everywhere in Connect. */
function countdown(timeoutMs: number | undefined): () => number | undefined {
  if (timeoutMs === undefined || timeoutMs <= 0) return () => timeoutMs;
  const start = performance.now();
  return () => Math.max(1, timeoutMs - (performance.now() - start));
}
