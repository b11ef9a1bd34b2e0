/** An SDK of OpenTelemetry that keeps what it is told in memory. */
import { context, propagation, type TextMapPropagator, TraceFlags, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { until } from "./wire-server.ts";

/** A registered SDK. */
export type TestTracing = {
  /** Spans that have ended. */
  readonly ended: () => readonly ReadableSpan[];
  /** Resolves with the only span of this name, once it has ended. */
  readonly span: (name: string) => Promise<ReadableSpan>;
  readonly unregister: () => void;
};

/** Trace context of W3C, as far as the tests need it. */
const traceContext: TextMapPropagator = {
  inject: () => {},
  extract(into, carrier, { get }) {
    const header = get(carrier, "traceparent");
    const [, traceId, spanId] = /^00-([\da-f]{32})-([\da-f]{16})-01$/.exec(String(header)) ?? [];
    if (traceId === undefined || spanId === undefined) return into;
    return trace.setSpanContext(into, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
  },
  fields: () => ["traceparent"],
};

/** Registers an SDK for this process, which records everything unless a sampler says otherwise. */
export function registerTracing(sampler?: Sampler): TestTracing {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors, ...(sampler && { sampler }) }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(traceContext);
  return {
    ended: () => exporter.getFinishedSpans(),
    span: (name) => until(() => exporter.getFinishedSpans().find((span) => span.name === name), `the span ${name}`),
    unregister() {
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}
