import { Code, ConnectError } from "@connectrpc/connect";
import { reasonOf } from "./refusal-reason.ts";

/** Codes that transports give to errors of the network; so does somebody who answers, but then there is no cause. */
const NETWORK: ReadonlySet<Code> = new Set([Code.Unknown, Code.Aborted, Code.Internal]);
/** Whoever is told to wait longer than this is told the refusal instead. */
const SHORT_WAIT_MS = 1_000;

/**
 * Whether a call failed in a way that another try may mend at once: the service could not
 * be reached, said that it was unavailable, or its answer was lost on the way. The first
 * try may have done its work all the same.
 */
export function mayBeLost(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  const refusal = reasonOf(error);
  if (refusal === null && NETWORK.has(error.code)) return error.cause instanceof Error;
  return error.code === Code.Unavailable && (refusal?.retryAfterMs ?? 0) <= SHORT_WAIT_MS;
}
