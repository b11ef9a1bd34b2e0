import { VerifierUnavailable } from "./api.ts";

/** Those who wait for a condition that changes from outside. */
export type Waiters = {
  /** Resolves once `holds` does. @throws VerifierUnavailable `reason` if it does not by then, or too many wait. */
  readonly until: (
    holds: () => boolean,
    reason: VerifierUnavailable["reason"],
    limits: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ) => Promise<void>;
  /** Looks whether anybody's condition holds. */
  readonly look: () => void;
  /** Sends everybody away, and whoever comes later. */
  readonly dismiss: () => void;
};

/** Calls that may wait at once. */
const MAX_WAITERS = 1_000;

/** {@link Waiters}, none so far. */
export function createWaiters(): Waiters {
  const waiting = new Set<{
    readonly holds: () => boolean;
    readonly end: (error: VerifierUnavailable | null) => void;
  }>();
  let isDismissed = false;
  const closed = () => new VerifierUnavailable("UNAVAILABLE", "the verifier was closed");

  return {
    until(holds, reason, { timeoutMs, signal }) {
      if (isDismissed) return Promise.reject(closed());
      if (holds()) return Promise.resolve();
      const gone = (why: string) => new VerifierUnavailable(reason, why, signal?.reason);
      if (signal?.aborted) return Promise.reject(gone("the call was aborted"));
      if (waiting.size >= MAX_WAITERS) return Promise.reject(gone("too many calls wait already"));
      return new Promise((resolve, reject) => {
        const onAbort = () => waiter.end(gone("the call was aborted while it waited"));
        const timer =
          timeoutMs === undefined ? null : setTimeout(() => waiter.end(gone("it was not so in time")), timeoutMs);
        const waiter = {
          holds,
          end(error: VerifierUnavailable | null) {
            waiting.delete(waiter);
            if (timer !== null) clearTimeout(timer);
            signal?.removeEventListener("abort", onAbort);
            if (error === null) resolve();
            else reject(error);
          },
        };
        waiting.add(waiter);
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
    look() {
      for (const waiter of [...waiting]) if (waiter.holds()) waiter.end(null);
    },
    dismiss() {
      isDismissed = true;
      for (const waiter of [...waiting]) waiter.end(closed());
    },
  };
}
