import type { OnProgress } from "../copy/copy-tables.ts";

/** Lines are so far apart at least, in milliseconds. */
const INTERVAL_MS = 1_000;

/** Says how far a copy is: at the end of each table, and every second meanwhile. `tick`: milliseconds that never go back. */
export function createProgress(write: (line: string) => void, tick: () => number): OnProgress {
  let saidAt = tick();
  return function onProgress(step, table, done, of) {
    const isOver = step === "copying" && done === of;
    if (!isOver && tick() - saidAt < INTERVAL_MS) return;
    saidAt = tick();
    write(`${step} ${table}: ${done} of ${of} rows`);
  };
}
