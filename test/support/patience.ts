import type { Patience } from "../../src/lib/patience.ts";

/** Whoever waits as long as it takes. */
export const endless: Patience = { signal: new AbortController().signal, timeoutMs: () => undefined };

/** Whoever waits from now on for so long, in milliseconds. */
export function waitingFor(ms: number): Patience {
  const endsAt = performance.now() + ms;
  return { signal: AbortSignal.timeout(ms), timeoutMs: () => endsAt - performance.now() };
}
