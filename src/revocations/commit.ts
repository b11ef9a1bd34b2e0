import { Refusal } from "../errors.ts";
import { evenIfGone, type Patience } from "../lib/patience.ts";
import type { Store, Tx, WriteManner } from "../store/store.ts";
import type { LogFollower } from "./log-follower.ts";

/**
 * A write after which this process knows what it wrote: resolves when the write is
 * on disk and, if it appended to the log, when memory has followed. It is made by the
 * deadline or not at all, whether or not its caller is still there.
 */
export type Commit = <T extends { readonly revision: number | null }>(
  work: (tx: Tx) => Promise<T>,
  patience?: Patience,
  manner?: WriteManner,
) => Promise<T>;

/** A {@link Commit} on `store`. */
export function createCommit(deps: {
  readonly store: Pick<Store, "write">;
  readonly follower: Pick<LogFollower, "catchUp">;
}): Commit {
  return async function commit(work, patience, manner) {
    const result = await deps.store.write(work, evenIfGone(patience), manner);
    // Whatever memory holds: its revision may count in a log that was replaced a moment ago.
    if (result.revision !== null) await deps.follower.catchUp().catch(notFollowed);
    return result;
  };
}

/** What was written is kept, and nobody here knows it yet. */
function notFollowed(cause: unknown): never {
  throw cause instanceof Refusal ? cause : new Refusal("UNAVAILABLE", { cause });
}
