/**
 * How long whoever asks for something waits for it. What an RPC's implementation gets as its context is one, so that
 * its deadline goes as far as the database.
 */
export type Patience = {
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
  /** What is left of the deadline, in milliseconds; `undefined` if there is none. */
  readonly timeoutMs: () => number | undefined;
};

/** What it takes to get a refusal through before a deadline, in milliseconds. */
const ANSWER_MARGIN_MS = 50;

/**
 * How long something may be waited for, in milliseconds: so long that a refusal still gets through before the
 * deadline, and no longer than `longestMs`. Whoever states no patience waits as long as that.
 */
export function timeLeft(patience: Patience | undefined, longestMs: number): number {
  const leftMs = patience?.timeoutMs();
  if (leftMs === undefined) return longestMs;
  return Math.max(0, Math.min(longestMs, leftMs - Math.min(ANSWER_MARGIN_MS, leftMs / 4)));
}

/** Whether the deadline has passed. */
export function isTooLate(patience: Patience | undefined): boolean {
  return (patience?.timeoutMs() ?? 1) <= 0;
}

/** Whether nobody waits any more: the deadline has passed, or whoever asked went away. */
export function isOver(patience: Patience | undefined): boolean {
  return patience !== undefined && (patience.signal.aborted || isTooLate(patience));
}

const NEVER = new AbortController().signal;

/** The same deadline, whether or not the client goes away: a page that sends a logout and closes wants the logout. */
export function evenIfGone(patience: Patience | undefined): Patience | undefined {
  return patience && { signal: NEVER, timeoutMs: patience.timeoutMs };
}
