import { ConnectError } from "@connectrpc/connect";
import { toConnectError } from "../error-details.ts";
import { Refusal } from "../errors.ts";
import { type Call, callKey } from "./call.ts";
import { interceptorOf, proceedTo } from "./step.ts";

/**
 * Turns what was thrown into a status: a refusal into its own, what the library or
 * the deadline threw as it is, anything else into INTERNAL. Causes are kept for the
 * log and never sent.
 */
export const mapErrors = interceptorOf((next) => (request) => {
  const call = request.contextValues.get(callKey);
  return proceedTo(next, request, {
    answered: (response) => (response.stream ? { ...response, message: mapped(response.message, call) } : response),
    failed(error) {
      throw statusOf(error, call);
    },
  });
});

async function* mapped<T>(messages: AsyncIterable<T>, call: Call): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw statusOf(error, call);
  }
}

function statusOf(error: unknown, { outcome }: Call): ConnectError {
  if (error instanceof ConnectError) return error;
  const refusal = error instanceof Refusal ? error : new Refusal("INTERNAL", { cause: error });
  outcome.reason = refusal.reason;
  outcome.cause = refusal.cause;
  return toConnectError(refusal);
}
