/**
 * What becomes of an error in a listener of the application's. It never breaks the client,
 * and never ends the process, as an uncaught one would in Node.
 */

/** Told of what a listener threw, or rejected with. */
export type OnListenerError = (error: unknown) => unknown;

/** On the console, where pages and programs alike show what nobody caught. */
export const logListenerError: OnListenerError = (error) => {
  // biome-ignore lint/suspicious/noConsole: a library has no log of its own, and silence would hide the application's fault.
  console.error("a listener to changes of the Sallyport session failed:", error);
};

/** Calls `listener`, waits for it, and tells of an error. Never fails, even if the telling does. */
export async function callListener<Change>(
  listener: (change: Change) => unknown,
  change: Change,
  onListenerError: OnListenerError,
): Promise<void> {
  try {
    await listener(change);
  } catch (error) {
    try {
      await onListenerError(error);
    } catch (another) {
      logListenerError(error);
      logListenerError(another);
    }
  }
}
