/**
 * A timeout that lets what has arrived by then be read first. A process that stood still, or its machine, comes to its timers
 * before it reads: whoever waits for a sign of life would judge by how long it has not looked, and a fleet that was paused
 * together would give up connections that are well.
 */

/** Calls `act` after `ms` milliseconds and the reads of that turn of the event loop; returns a function that prevents it. */
export function timeoutAfterReads(act: () => void, ms: number): () => void {
  let due: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    due = setImmediate(act);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(due);
  };
}
