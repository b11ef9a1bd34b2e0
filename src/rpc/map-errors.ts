import { ConnectError } from "@connectrpc/connect";
import { toConnectError } from "../error-details.ts";
import { Refusal } from "../errors.ts";
import { type Call, callKey } from "./call.ts";
import { interceptorOf, proceedTo, type StepResponse } from "./step.ts";

/**
 * Turns what was thrown into a status: a refusal into its own, what the library or
 * the deadline threw as it is, anything else into INTERNAL. Causes are kept for the
 * log and never sent.
 */
export const mapErrors = interceptorOf(
  (next) => (request) => proceedTo(next, request, MAPPING, request.contextValues.get(callKey)),
);

const MAPPING = {
  answered: (response: StepResponse, call: Call) =>
    response.stream ? { ...response, message: mapped(response.message, call) } : response,
  failed(error: unknown, call: Call): never {
    throw statusOf(error, call);
  },
};

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
