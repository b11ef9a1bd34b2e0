/**
 * Time that passes, in milliseconds since any fixed moment, also while the machine is
 * suspended: the monotonic clock of Linux stands still then, and what was fresh before
 * would look fresh after.
 */

/** Steps of the wall clock that are no suspension, in milliseconds: it is put right by so much at a time. */
const STEP_MS = 1_000;

/**
 * A clock that never goes back, from one that never does, and one that goes on through a
 * suspension. If the latter is put forward, so is this: time that only seems to have passed
 * does less harm than time that was missed.
 */
export function createElapsed(monotonic: () => number, wall: () => number): () => number {
  let missed = 0;
  let apart = wall() - monotonic();

  return function elapsed() {
    const now = monotonic();
    const present = wall() - now;
    if (present - apart > STEP_MS) missed += present - apart;
    apart = present;
    return now + missed;
  };
}
