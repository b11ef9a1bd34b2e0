/**
 * Lets libuv's threads give way to the one that answers calls. They make password hashes: a core each for as long as
 * there are any. Where cores are scarce the scheduler shares them out evenly, and whoever has asked something that takes
 * microseconds waits while a hash has its turn; with less weight, hashes take what is left.
 *
 * Linux alone gives each thread a priority of its own, where POSIX has one for the process (setpriority(2), "C library/
 * kernel differences"). Elsewhere nothing is done.
 */
import { readdir, readFile } from "node:fs/promises";
import { setPriority } from "node:os";

const THREADS = "/proc/self/task";
/** What libuv calls the threads of its pool. */
const POOL_THREAD = "libuv-worker";
/** The niceness of a thread that gives way: against one that does not, it has a tenth of the processor. */
const NICENESS = 10;

/** Lowers the priority of the threads of libuv's pool; how many there were. Call it once: no thread comes later. */
export async function lowerPoolThreads(): Promise<number> {
  if (process.platform !== "linux") return 0;
  try {
    // To read a folder takes the pool, which starts all of its threads when it is first used.
    const threads = await readdir(THREADS);
    const lowered = await Promise.all(threads.map(lowerIfOfPool));
    return lowered.filter(Boolean).length;
  } catch {
    // No /proc, or not allowed: then all threads are equal.
    return 0;
  }
}

async function lowerIfOfPool(thread: string): Promise<boolean> {
  const name = await readFile(`${THREADS}/${thread}/comm`, "utf8");
  if (name.trim() !== POOL_THREAD) return false;
  setPriority(Number(thread), NICENESS);
  return true;
}
