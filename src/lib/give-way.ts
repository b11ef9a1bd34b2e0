/**
 * Lets work on other threads give way to the event loop. Threads of less weight take only what is left of the processors
 * (background-threads.ts), but what is left is not free: processors may be threads of one core, and share caches and memory,
 * so that whoever answers calls may be slower by half while passwords are hashed. A loop that has fallen behind then never
 * catches up (docs/decisions/0028).
 */
import type { EntryPermits } from "./permits.ts";

/** The time of an event loop so far, in milliseconds: that in which it waited for something to do, and the rest. */
export type LoopTime = { readonly idle: number; readonly active: number };

type Loop = {
  /** As `performance.eventLoopUtilization` tells it. */
  readonly time: () => LoopTime;
  /** Milliseconds of a clock that only moves forward. */
  readonly tick: () => number;
  /** Ends early, by rejecting, if the signal aborts. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
};

/** A loop that is busy for more of the time than this has fallen behind, or is about to. */
const FULL = 0.95;
/** Of less time it is not said how busy the loop was, in milliseconds: a turn or a collection would fill it. */
const WINDOW_MS = 10;
/** Work that takes less, in milliseconds, does not wait: no timer is so exact. */
const LEAST_MS = 5;
/** No wait is longer, in milliseconds, however long the work takes. */
const MOST_MS = 100;

/**
 * The same permits for work that, while the loop is full, waits before it begins for as long as the last piece of work
 * took. So the work keeps about half of its pace whatever else is asked, and the loop catches up in the other half.
 */
export function givingWay(permits: EntryPermits, { time, tick, pause }: Loop): EntryPermits {
  let before = time();
  let isFull = false;
  let lastMs = 0;

  function look(): boolean {
    const { idle, active } = time();
    const all = idle - before.idle + (active - before.active);
    if (all < WINDOW_MS) return isFull;
    isFull = (active - before.active) / all > FULL;
    before = { idle, active };
    return isFull;
  }

  async function begin<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (look() && lastMs >= LEAST_MS) await pause(Math.min(lastMs, MOST_MS), signal);
    const beganAt = tick();
    const result = await work();
    lastMs = tick() - beganAt;
    return result;
  }

  return { hasRoom: permits.hasRoom, run: (work, signal) => permits.run(() => begin(work, signal), signal) };
}
