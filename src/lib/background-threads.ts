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

/** Lowers the priority of the threads of libuv's pool. Call it once: none is started later. */
export async function lowerPoolThreads(): Promise<void> {
  if (process.platform !== "linux") return;
  // To read a folder takes the pool, which starts all of its threads when it is first used. Without /proc, all are equal.
  const threads = await readdir(THREADS).catch(() => []);
  // A thread may end meanwhile; those of the pool do not.
  await Promise.all(threads.map((thread) => lowerIfOfPool(thread).catch(() => {})));
}

async function lowerIfOfPool(thread: string): Promise<void> {
  const name = await readFile(`${THREADS}/${thread}/comm`, "utf8");
  if (name.trim() === POOL_THREAD) setPriority(Number(thread), NICENESS);
}
