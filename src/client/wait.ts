/** Waiting that can be given up. */
import { Code, ConnectError } from "@connectrpc/connect";

/** Waits so many milliseconds; rejects with the signal's reason as soon as that aborts. */
export type Pause = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** A {@link Pause} by the timers of this machine. */
export const systemPause: Pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abandon = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abandon);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abandon, { once: true });
  });

/**
 * The outcome of work that others wait for, too: the signal ends this caller's waiting
 * and leaves the work alone.
 */
export function unlessAborted<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = () => reject(ConnectError.from(signal.reason, Code.Canceled));
    if (signal.aborted) return abandon();
    signal.addEventListener("abort", abandon, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener("abort", abandon));
  });
}
