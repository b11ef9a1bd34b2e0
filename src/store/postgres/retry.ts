import { type FaultKind, PostgresFault } from "./fault.ts";

/** How often a write is tried, by why it failed. */
const TRIES: Readonly<Record<FaultKind, number>> = { conflict: 10, duplicate: 2, lost: 3, outage: 1, fault: 1 };
/** The longest wait before the second try, in milliseconds; it doubles with each. */
const FIRST_WAIT_MS = 4;
const LONGEST_WAIT_MS = 250;

/**
 * How long to wait before a write that failed for the `tries`th time is tried again, in milliseconds; `null` if it is
 * not. `jitter` yields a number from 0 to 1: those who collided must not meet again.
 */
export function waitBeforeRetry(error: unknown, tries: number, jitter: () => number): number | null {
  if (!(error instanceof PostgresFault) || tries >= TRIES[error.kind]) return null;
  if (error.kind !== "conflict") return 0;
  return jitter() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries);
}
