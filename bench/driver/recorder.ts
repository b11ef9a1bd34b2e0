/** Counts answers, from one to another, with the server's CPU time between the two. */
import { cpuSecondsOfAll } from "./cpu-time.ts";
import type { Sample } from "./job.ts";

/** Counts answers between two of them. */
export type Recorder = {
  /** Notes an answer, which took so many milliseconds; whether more are wanted. */
  readonly note: (elapsedMs: number) => boolean;
  /** What it came to; ends with the last answer if the time is not over. */
  readonly sample: () => Sample;
};

/** A {@link Recorder} whose window is for the process `pid` and those below it; times are milliseconds. */
export function createRecorder(pid: number, warmMs: number, measureMs: number): Recorder {
  const beganAt = performance.now();
  const elapsed: number[] = [];
  let start: { readonly at: number; readonly cpu: number } | null = null;
  let end: { readonly at: number; readonly cpu: number } | null = null;

  const mark = () => ({ at: performance.now(), cpu: cpuSecondsOfAll(pid) });

  return {
    note(elapsedMs) {
      if (end !== null) return false;
      if (start === null) {
        // The answer that begins the window is not in it: its work was done before.
        if (performance.now() - beganAt >= warmMs) start = mark();
        return true;
      }
      elapsed.push(elapsedMs);
      if (performance.now() - start.at >= measureMs) end = mark();
      return end === null;
    },
    sample() {
      end ??= mark();
      if (start === null || elapsed.length === 0) throw new Error("the window ended before it began");
      elapsed.sort((a, b) => a - b);
      return {
        calls: elapsed.length,
        seconds: (end.at - start.at) / 1000,
        cpuSeconds: end.cpu - start.cpu,
        p50: percentile(elapsed, 0.5),
        p99: percentile(elapsed, 0.99),
      };
    },
  };
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
