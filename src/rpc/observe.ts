import { Code, ConnectError } from "@connectrpc/connect";
import { type Call, callKey } from "./call.ts";
import { interceptorOf, proceedTo, type StepResponse } from "./step.ts";

/** Notes for the request log how the call ended. Streams end later: the adapter tells of those. */
export const observe = interceptorOf(
  (next) => (request) => proceedTo(next, request, NOTING, request.contextValues.get(callKey).outcome),
);

const NOTING = {
  answered(response: StepResponse, outcome: Call["outcome"]) {
    if (!response.stream) outcome.code = "OK";
    return response;
  },
  failed(error: unknown, outcome: Call["outcome"]): never {
    outcome.code = codeName(ConnectError.from(error).code);
    throw error;
  },
};

/** A status code as gRPC writes it: `NOT_FOUND`. */
export function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
