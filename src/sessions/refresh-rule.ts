/**
 * What a refresh token of some generation may do. Pure: the whole rule is here.
 *
 * A token is good for one rotation. Honest clients use one twice (parallel tabs,
 * lost answers), thieves later; the grace time and the attempt id tell them apart
 * (RFC 9700 section 4.14.2 asks for rotation with detection of replays).
 */

/** What to do with a refresh. */
export type RefreshVerdict =
  /** The newest generation: hand out the next. */
  | "rotate"
  /** Used moments ago, or by the very attempt that comes again: the same successor again. */
  | "repeat"
  /** Overtaken by several rotations, but moments ago: a slow tab. No tokens; the session lives. */
  | "superseded"
  /** Used again too late: a thief, here or before. End the session. */
  | "reuse"
  /** Newer than the database, which was put back in time. */
  | "from_future";

/** What is known when a token is presented. Times are milliseconds. */
export type Presentation = {
  readonly presented: number;
  readonly current: number;
  /** When the presented generation was exchanged; `null` if it was not, or that is forgotten. */
  readonly exchangedAt: number | null;
  /** Whether the exchange was made with the same, non-empty attempt id. Known for the last exchange alone. */
  readonly isSameAttempt: boolean;
  readonly now: number;
  readonly graceMs: number;
};

/** The verdict on a presented token of a live session. */
export function judgeRefresh(presentation: Presentation): RefreshVerdict {
  const { presented, current, exchangedAt, isSameAttempt, now, graceMs } = presentation;
  if (presented > current) return "from_future";
  if (presented === current) return "rotate";
  const isRecent = exchangedAt !== null && now - exchangedAt < graceMs;
  if (presented === current - 1 && (isRecent || isSameAttempt)) return "repeat";
  return isRecent ? "superseded" : "reuse";
}
