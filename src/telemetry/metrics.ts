/**
 * Metrics for operators, in the text format of Prometheus.
 *
 * Owns which figures there are and what they are called. The rest of Sallyport does
 * not know them: it is handed callbacks that count, and is looked at when somebody
 * asks. Each instance has a registry of its own; those of several workers are joined,
 * each metric in the way (`aggregator`) that tells most of the whole. Labels are taken from closed lists
 * (RPCs, codes, reasons): never a user, a token or anything that a client sent.
 */
import type { DescService } from "@bufbuild/protobuf";
import { Gauge, Registry } from "prom-client";
import { createEventCounters, type EventCounters } from "./event-counters.ts";
import { addInstanceGauges, type InstanceState } from "./instance-gauges.ts";
import type { Figures } from "./joined-figures.ts";
import { addProcessGauges } from "./process-gauges.ts";
import { createRequestMeter, type RequestMeter } from "./request-meter.ts";

/** What is served at `/metrics`. */
export type Exposition = {
  readonly contentType: string;
  /** The figures of this moment. */
  readonly read: () => Promise<string>;
};

/** The figures of one instance. */
export type Metrics = EventCounters & {
  readonly requests: RequestMeter;
  /** Adds the state of the instance, once there is one. */
  readonly show: (state: InstanceState) => void;
  readonly exposition: Exposition;
  /** The same before they are text, to be joined with those of other processes. */
  readonly figures: () => Promise<Figures>;
  /** Ends what is watched of the process. */
  readonly stop: () => void;
};

type MetricsDeps = {
  readonly version: string;
  /** Every service that is served. */
  readonly services: readonly DescService[];
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly tick: () => number;
};

/** {@link Metrics} at zero. */
export function createMetrics({ version, services, tick }: MetricsDeps): Metrics {
  const registry = new Registry();
  const build = new Gauge({
    name: "sallyport_build_info",
    help: "1, with the version.",
    labelNames: ["version"],
    aggregator: "first",
    registers: [registry],
  });
  build.set({ version }, 1);
  return {
    requests: createRequestMeter({ registry, services, tick }),
    ...createEventCounters(registry),
    show: (state) => addInstanceGauges(registry, state),
    exposition: { contentType: registry.contentType, read: () => registry.metrics() },
    figures: () => registry.getMetricsAsJSON(),
    stop: addProcessGauges(registry),
  };
}
