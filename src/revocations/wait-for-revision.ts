/**
 * `min_revision`: answer only with knowledge of at least this revision.
 */
import { setTimeout } from "node:timers/promises";
import type { Knowledge } from "../check/knowledge.ts";
import type { Revision } from "../check/revision.ts";
import { Refusal } from "../errors.ts";
import type { LogFollower } from "./log-follower.ts";

/** Calls that may wait at once; more are refused. */
const MAX_WAITERS = 1_000;
/** How long to wait between reads while the database does not answer, in milliseconds. */
const RETRY_MS = 100;

/**
 * Waits until the knowledge has reached a revision.
 * @throws Refusal REVISION_UNKNOWN if the database does not have it, told after one
 * read; REVISION_NOT_REACHED if the signal aborts first, or too many wait already.
 */
export type WaitForRevision = (revision: Revision, signal: AbortSignal) => Promise<void>;

/** A {@link WaitForRevision} on `knowledge`. */
export function createWaitForRevision(deps: {
  readonly knowledge: Pick<Knowledge, "logId" | "revision">;
  readonly follower: Pick<LogFollower, "catchUp">;
}): WaitForRevision {
  const { knowledge, follower } = deps;
  let waiters = 0;

  const isReached = ({ logId, number }: Revision) => logId === knowledge.logId() && number <= knowledge.revision();

  return async function waitForRevision(revision, signal) {
    if (isReached(revision)) return;
    if (waiters >= MAX_WAITERS) throw new Refusal("REVISION_NOT_REACHED", { retryAfterMs: 1000 });
    waiters += 1;
    try {
      while (
        !(await follower.catchUp().then(
          () => true,
          () => false,
        ))
      )
        await pause(signal);
      if (!isReached(revision)) throw new Refusal("REVISION_UNKNOWN");
    } finally {
      waiters -= 1;
    }
  };
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(RETRY_MS, undefined, { signal });
  } catch {
    throw new Refusal("REVISION_NOT_REACHED", { retryAfterMs: 1000 });
  }
}
