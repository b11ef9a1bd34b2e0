/**
 * Settles as the outcome does, unless the signal aborts first: then rejects with what `toError` makes of its reason. The
 * work itself goes on. Nothing stays behind on the signal: a stream may bring millions of outcomes.
 */
export function unlessAborted<T>(
  outcome: Promise<T>,
  signal: AbortSignal,
  toError: (reason: unknown) => unknown = (reason) => reason,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = () => reject(toError(signal.reason));
    if (signal.aborted) abandon();
    signal.addEventListener("abort", abandon, { once: true });
    outcome.finally(() => signal.removeEventListener("abort", abandon)).then(resolve, reject);
  });
}
