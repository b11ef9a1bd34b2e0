/** Waiting that can be given up. */
import { Code, ConnectError } from "@connectrpc/connect";
import { unlessAborted } from "../lib/unless-aborted.ts";

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

/** The outcome of work that others wait for, too: the signal ends this caller's waiting, as a cancelled call. */
export function outcomeFor<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  return unlessAborted(outcome, signal, (reason) => ConnectError.from(reason, Code.Canceled));
}
