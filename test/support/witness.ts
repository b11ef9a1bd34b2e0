/** Somebody who looks at verifiers all the time, and notes what none of them may do. */
import type { Delegate } from "./delegating.ts";

/** A token, and when its end was answered; `null` while it is good. */
export type Watched = { readonly token: string; endedAt: number | null };

/** How often to look, in milliseconds. */
const LOOK_MS = 4;
/** Tokens that are looked at. */
const MOST = 40;
/** What the verifier's idea of the server's time may be early by, and the event loop late, in milliseconds. */
const TOLERANCE_MS = 5;

/** Looks at these verifiers from now on, until it is stopped. All clocks are this machine's. */
export function createWitness(verifiers: readonly Delegate[]) {
  const watched: Watched[] = [];
  const faults: string[] = [];
  const stale = verifiers.map(() => 0);
  const granted = verifiers.map(() => 0);

  function look(): void {
    for (const [index, verifier] of verifiers.entries()) {
      // Taken first: what passes until the token is asked for makes no knowledge newer.
      const now = Date.now();
      const { isFresh, stalenessMs } = verifier.state();
      if (!isFresh) stale[index] = (stale[index] ?? 0) + 1;
      for (const { token, endedAt } of watched) {
        if (!isGranted(verifier, token)) continue;
        granted[index] = (granted[index] ?? 0) + 1;
        // Whoever calls itself fresh knows all that was answered before the time that it says it knows of.
        if (endedAt !== null && endedAt < now - stalenessMs - TOLERANCE_MS)
          faults.push(`${index} granted ${now - endedAt} ms after the end, being ${stalenessMs} ms old`);
      }
    }
  }
  const timer = setInterval(look, LOOK_MS);
  return {
    /** What a verifier did that it may not. */
    faults,
    /** How often each was seen stale, and seen granting. */
    stale,
    granted,
    watch(token: string): Watched {
      const one: Watched = { token, endedAt: null };
      watched.push(one);
      if (watched.length > MOST) watched.shift();
      return one;
    },
    /** All tokens that were watched so far are no good from now on. */
    endAll() {
      for (const one of watched) one.endedAt ??= Date.now();
    },
    stop: () => clearInterval(timer),
  };
}

/** Whether the verifier grants; it may not be able to tell. */
export function isGranted(verifier: Pick<Delegate, "check">, token: string): boolean {
  try {
    return verifier.check(token).granted;
  } catch {
    return false;
  }
}
