/** The figures of several processes, joined into those of the whole. */
import { AggregatorRegistry } from "prom-client";

/** The figures of one process: each metric of its registry, with its values. */
export type Figures = readonly object[];

/** Joins figures, each metric in the way that its `aggregator` says; as text for Prometheus. */
export function joinFigures(parts: readonly Figures[]): Promise<string> {
  return AggregatorRegistry.aggregate([...parts]).metrics();
}

/**
 * What is to be kept of processes that have ended: what they counted. Without it the
 * sums would fall, which reads as if everything had been counted anew.
 */
export async function countsOf(parts: readonly Figures[]): Promise<Figures> {
  const joined = await AggregatorRegistry.aggregate([...parts]).getMetricsAsJSON();
  return joined.filter(isCount);
}

function isCount(figure: object): boolean {
  return "type" in figure && (figure.type === "counter" || figure.type === "histogram");
}
