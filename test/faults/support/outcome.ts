/** What became of a call: acknowledged, refused by a rule, or nobody knows. */
import { setTimeout as pause } from "node:timers/promises";
import { type CallOptions, ConnectError } from "@connectrpc/connect";
import { type CaughtRefusal, takeApart } from "../../support/refusals.ts";

/** An answer; a refusal by a rule, which is an answer as well; or none that says what happened. */
export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T; readonly tookMs: number }
  | { readonly kind: "refused"; readonly refusal: CaughtRefusal; readonly tookMs: number }
  | { readonly kind: "unknown"; readonly refusal: CaughtRefusal; readonly tookMs: number };

/** How much longer than its deadline a call is waited for, in milliseconds, before it is given up. */
const MORE_MS = 30_000;

/** Has the server alone hold the deadline of a call, in milliseconds: whether it does would not be seen by a client that does, too. */
export function untilToldOver(deadlineMs: number): CallOptions {
  const headers = { "connect-timeout-ms": String(deadlineMs), "grpc-timeout": `${deadlineMs}m` };
  return { headers, signal: AbortSignal.timeout(deadlineMs + MORE_MS) };
}

/** Codes that do not say whether it happened. */
const LOST: ReadonlySet<string> = new Set(["Unavailable", "DeadlineExceeded", "Canceled", "Aborted", "Unknown"]);

/** How often an answer is insisted on, and the pause before the next try, in milliseconds. */
const TRIES = 40;
const PAUSE_MS = 250;

/** Too many asked at once: nothing happened, and whoever wants an answer comes again. */
const isBusy = (outcome: Outcome<unknown>) => outcome.kind === "refused" && outcome.refusal.reason === "BUSY";

/**
 * Makes the call again until the answer says what happened: a service that works again may still say that it does not, and
 * one that is asked about everybody at once, that it is busy.
 */
export async function insist<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  for (let left = TRIES; ; left -= 1) {
    const outcome = await outcomeOf(call());
    if ((outcome.kind !== "unknown" && !isBusy(outcome)) || left === 0) return outcome;
    await pause(PAUSE_MS);
  }
}

/** Waits for the call, and tells what became of it. Never rejects. */
export async function outcomeOf<T>(call: Promise<T>): Promise<Outcome<T>> {
  const at = performance.now();
  try {
    const value = await call;
    return { kind: "done", value, tookMs: performance.now() - at };
  } catch (error) {
    const refusal = takeApart(ConnectError.from(error));
    return { kind: LOST.has(refusal.code) ? "unknown" : "refused", refusal, tookMs: performance.now() - at };
  }
}
