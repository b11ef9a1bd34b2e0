/** What samples come to. */
import type { Sample } from "./driver/job.ts";

/** The median; not a number if there is nothing to choose from. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Calls for a second of the server's CPU: what throughput is compared by, since it does not hang on the driver. */
export function perCpuSecond({ calls, cpuSeconds }: Sample): number {
  return calls / cpuSeconds;
}

/** Calls for a second on the clock. */
export function perSecond({ calls, seconds }: Sample): number {
  return calls / seconds;
}

/** The ratio of two contestants, whose windows were measured one soon after the other in each round. */
export function ratioOf(upper: readonly Sample[], lower: readonly Sample[]): number {
  const ratios = upper.flatMap((sample, round) => {
    const other = lower[round];
    return other === undefined ? [] : [perCpuSecond(sample) / perCpuSecond(other)];
  });
  return meanRatio(ratios);
}

/** Of so many ratios all count. */
const FEW = 4;

/**
 * What the ratios of several rounds come to: their geometric mean (Fleming and Wallace, "How not to lie with statistics", 1986).
 * Without the highest and the lowest of many, since a machine may have done something else meanwhile. Not the median: of
 * processes with two speeds it is the one or the other.
 */
export function meanRatio(ratios: readonly number[]): number {
  const sorted = [...ratios].sort((a, b) => a - b);
  const middle = sorted.length > FEW ? sorted.slice(1, -1) : sorted;
  return Math.exp(middle.reduce((sum, ratio) => sum + Math.log(ratio), 0) / middle.length);
}
