/** A contestant without a network: it measures windows of its own work, in its own process. */

import type { Sample, Window } from "../driver/job.ts";
import { createRecorder } from "../driver/recorder.ts";

/** Does work until `note`, told of each piece that is done and how long it took, answers `false`. */
export type Work = (note: (elapsedMs: number) => boolean, concurrency: number) => Promise<void>;

/** Measures a window whenever whoever started this process asks for one. Ends with it. */
export function serveWindows(work: Work): void {
  process.on("message", (window: Window) => {
    measure(work, window).then(
      (sample) => process.send?.(sample),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}

async function measure(work: Work, { warmMs, measureMs, concurrency }: Window): Promise<Sample> {
  const recorder = createRecorder(process.pid, warmMs, measureMs);
  await work(recorder.note, concurrency);
  return recorder.sample();
}
