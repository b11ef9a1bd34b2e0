import { Code, ConnectError } from "@connectrpc/connect";
import { Refusal } from "../errors.ts";
import { interceptorOf } from "./step.ts";

/**
 * Answers a unary call when its deadline passes or its client goes away, whether
 * or not the handler noticed. What the handler began, it may still finish.
 */
export const keepDeadline = interceptorOf((next) => (request) => {
  if (request.stream) return next(request);
  if (request.isOver ?? request.signal.aborted) throw endOf(request.signal);
  const answer = next(request);
  // Nothing passes and nobody goes away while a handler keeps the thread.
  return answer instanceof Promise ? unlessOver(answer, request.signal) : answer;
});

function unlessOver<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(endOf(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    answer
      .then(resolve, (error) => reject(signal.aborted ? endOf(signal) : error))
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function endOf({ reason }: AbortSignal): Error {
  if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) return new Refusal("DEADLINE_EXCEEDED");
  return reason instanceof ConnectError ? reason : new ConnectError("the call was cancelled", Code.Canceled);
}
