/**
 * Milliseconds as the machine counts them, which nobody sets. Node's own count is exact, and stands still while the
 * machine is suspended; the system's goes on, in hundredths of a second.
 */
import { uptime } from "node:os";

/** Differences of the two that are no more than how coarsely they are told, in milliseconds. */
const GRAIN_MS = 50;

/** Counts milliseconds, exactly, and on through suspensions. */
export function createMachineCount(running = () => performance.now(), system = () => uptime() * 1000): () => number {
  const apart = system() - running();
  let suspended = 0;

  return () => {
    const counted = running();
    const more = system() - counted - apart - suspended;
    if (more > GRAIN_MS) suspended += more;
    return counted + suspended;
  };
}
