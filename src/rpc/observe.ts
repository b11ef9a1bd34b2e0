import { Code, ConnectError } from "@connectrpc/connect";
import { callKey } from "./call.ts";
import { interceptorOf, proceedTo } from "./step.ts";

/** Notes for the request log how the call ended. Streams end later: the adapter tells of those. */
export const observe = interceptorOf((next) => (request) => {
  const { outcome } = request.contextValues.get(callKey);
  return proceedTo(next, request, {
    answered(response) {
      if (!response.stream) outcome.code = "OK";
      return response;
    },
    failed(error) {
      outcome.code = codeName(ConnectError.from(error).code);
      throw error;
    },
  });
});

/** A status code as gRPC writes it: `NOT_FOUND`. */
export function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
