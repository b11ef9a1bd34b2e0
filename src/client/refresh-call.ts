/**
 * Sends `Refresh`, and sends it once more if its answer may have been lost: with the same
 * attempt id, which makes that safe. Nobody's signal but the client's own end stops it,
 * since many calls wait for it.
 */
import type { Client } from "@connectrpc/connect";
import type { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { mayBeLost } from "./lost-answer.ts";
import { jittered, type RandomBytes } from "./random-bytes.ts";
import type { SendRefresh } from "./refresh.ts";
import type { Pause } from "./wait.ts";

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 10_000;
const RETRY_PAUSE_MS = 300;

/** A {@link SendRefresh} that ends with `signal`. */
export function createRefreshCall(deps: {
  readonly auth: Pick<Client<typeof AuthService>, "refresh">;
  readonly pause: Pause;
  readonly randomBytes: RandomBytes;
  readonly signal: AbortSignal;
}): SendRefresh {
  const { auth, pause, randomBytes, signal } = deps;
  return async (request) => {
    const send = () => auth.refresh(request, { timeoutMs: TIMEOUT_MS, signal });
    try {
      return await send();
    } catch (error) {
      if (!mayBeLost(error) || signal.aborted) throw error;
      await pause(jittered(RETRY_PAUSE_MS, randomBytes), signal);
      return send();
    }
  };
}
