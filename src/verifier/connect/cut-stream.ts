/** Streams that end when somebody else says so, however busy both of their ends are. */

import { unlessAborted } from "../../lib/unless-aborted.ts";

/** The outcome of what `begin` begins, unless the signal aborts first; nothing is begun if it has already. */
export async function begunUnlessAborted<T>(signal: AbortSignal, begin: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return unlessAborted(begin(), signal);
}

/**
 * The messages that a handler reads, until the signal aborts; then its reason. The source is left as
 * it is: the answer still has to go out over the same connection.
 */
export function cutRequests<T>(messages: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = messages[Symbol.asyncIterator]();
      return {
        next: () => begunUnlessAborted(signal, () => source.next()),
        return: async (value) => (await source.return?.(value)) ?? { done: true, value },
      };
    },
  };
}

/** The messages that a handler sends, until the signal aborts; then its reason. `onEnd` is called when no more will come. */
export async function* cutResponses<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  onEnd: () => void,
): AsyncGenerator<T, void> {
  const source = messages[Symbol.asyncIterator]();
  // Nobody waits for a handler to leave, which may have more to do than the stream.
  const leave = () => void source.return?.().catch(() => undefined);
  // At once, not with the next message: the client may not be reading.
  signal.addEventListener("abort", leave, { once: true });
  try {
    for (;;) {
      const next = await begunUnlessAborted(signal, () => source.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
    onEnd();
  }
}
