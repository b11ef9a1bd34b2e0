/** Whether knowledge is fresh enough to decide by, and what is told when that changes. */
import type { VerifierEvent } from "./api.ts";
import type { HeldKnowledge } from "./held-knowledge.ts";

/** Looks after freshness. */
export type Freshness = {
  readonly isFresh: () => boolean;
  readonly isConnected: () => boolean;
  /** Notes whether a call of the feed is open, and tells why if it is not. */
  readonly connect: (isConnected: boolean, event?: VerifierEvent) => void;
  /** Tells if freshness has come or gone. */
  readonly look: () => void;
  /** Looks at intervals from now on, and forgets what is over. */
  readonly start: () => void;
  readonly stop: () => void;
};

/** How often to look, in milliseconds. */
const LOOK_MS = 250;

type FreshnessDeps = {
  readonly knowledge: Pick<HeldKnowledge, "stalenessMs" | "isConfirmed" | "forget">;
  /** In milliseconds. */
  readonly maxStalenessMs: number;
  /** The same for knowledge that comes from a bundle and was not confirmed since. */
  readonly bundleMaxAgeMs: number;
  readonly tell: (event: VerifierEvent) => void;
};

/** A {@link Freshness} that is not there yet. */
export function createFreshness(deps: FreshnessDeps): Freshness {
  const { knowledge, maxStalenessMs, bundleMaxAgeMs, tell } = deps;
  let isConnected = false;
  let wasFresh = false;
  let timer: NodeJS.Timeout | null = null;

  function isFresh(): boolean {
    const bound = knowledge.isConfirmed() ? maxStalenessMs : Math.max(maxStalenessMs, bundleMaxAgeMs);
    return knowledge.stalenessMs() <= bound;
  }

  function look(): void {
    const now = isFresh();
    if (now === wasFresh) return;
    wasFresh = now;
    tell(now ? { kind: "fresh" } : { kind: "stale", stalenessMs: knowledge.stalenessMs() });
  }

  return {
    isFresh,
    isConnected: () => isConnected,
    connect(next, event = { kind: "connected" }) {
      // A call that takes the place of another is no news.
      const isNews = !(next && isConnected);
      isConnected = next;
      if (isNews) tell(event);
    },
    look,
    start() {
      look();
      timer = setInterval(() => {
        look();
        knowledge.forget();
      }, LOOK_MS);
      timer.unref();
    },
    stop() {
      if (timer !== null) clearInterval(timer);
    },
  };
}
