import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { callKey } from "./call.ts";

/** Notes for the request log how the call ended. Streams end later: the adapter tells of those. */
export const observe: Interceptor = (next) => async (request) => {
  const { outcome } = request.contextValues.get(callKey);
  try {
    const response = await next(request);
    if (!response.stream) outcome.code = "OK";
    return response;
  } catch (error) {
    outcome.code = codeName(ConnectError.from(error).code);
    throw error;
  }
};

/** A status code as gRPC writes it: `NOT_FOUND`. */
export function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
