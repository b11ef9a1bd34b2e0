/** When a call has to end, and who is told. */

/** The end of one call. */
export type Ending = {
  /** Ends the call, for this reason; the first one counts. */
  readonly end: (reason: Error) => void;
  readonly isOver: () => boolean;
  /** The signal that tells of it. Made when somebody asks for it: most calls are answered before anybody does. */
  readonly toSignal: () => AbortSignal;
};

/** An {@link Ending} that has not come. */
export function createEnding(): Ending {
  let reason: Error | null = null;
  let controller: AbortController | null = null;
  return {
    end(because) {
      reason ??= because;
      controller?.abort(reason);
    },
    isOver: () => reason !== null,
    toSignal() {
      if (controller === null) {
        controller = new AbortController();
        if (reason !== null) controller.abort(reason);
      }
      return controller.signal;
    },
  };
}
