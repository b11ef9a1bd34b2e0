import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { Refusal } from "../errors.ts";

/**
 * Answers a unary call when its deadline passes or its client goes away, whether
 * or not the handler noticed. What the handler began, it may still finish.
 */
export const keepDeadline: Interceptor = (next) => (request) => {
  const { signal } = request;
  if (request.stream) return next(request);
  if (signal.aborted) return Promise.reject(endOf(signal));
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(endOf(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    next(request)
      .then(resolve, (error) => reject(signal.aborted ? endOf(signal) : error))
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
};

function endOf({ reason }: AbortSignal): Error {
  if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) return new Refusal("DEADLINE_EXCEEDED");
  return reason instanceof ConnectError ? reason : new ConnectError("the call was cancelled", Code.Canceled);
}
