/**
 * Work on other threads that ends while more of it waits: its outcome is handed on with that of the next piece to end. What
 * comes after it is then done for two at once, which costs little more than for one: all that this needs has left the
 * processor's caches meanwhile, and a commit to disk can be shared (docs/decisions/0032; `commit_delay` of PostgreSQL is the
 * same idea).
 */
import type { EntryPermits, Permits } from "./permits.ts";

/** The same permits, whose outcomes are handed on in pairs while work waits, as `waiting` counts it. */
export function endingInPairs(permits: EntryPermits, waiting: Permits["waiting"]): EntryPermits {
  let running = 0;
  let held: (() => void)[] = [];

  /** Whether anybody was waiting for another to end. */
  function release(): boolean {
    const all = held;
    held = [];
    for (const go of all) go();
    return all.length > 0;
  }

  async function run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    let isSecond = false;

    async function counted(): Promise<T> {
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        isSecond = release();
      }
    }

    const outcome = await permits.run(counted, signal);
    // Only for what runs is it known that it ends soon.
    if (!isSecond && running > 0 && waiting() > 0) await new Promise<void>((resolve) => held.push(resolve));
    return outcome;
  }

  return { hasRoom: permits.hasRoom, run };
}
