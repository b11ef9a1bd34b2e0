/**
 * Where a client keeps its session. Owns the contract that every store keeps, and the
 * store for one process; knows nothing of what the text says.
 *
 * The rule: a text is only ever put in the place of the very text that its writer read.
 * So whoever lost a race changes nothing, and an older session never replaces a newer.
 */

/** Keeps one text, which holds secrets. */
export type SessionStore = {
  /** Where the text is, for people: `localStorage item "sallyport"`. Holds no secrets. */
  readonly place: string;
  /** The text, or `null` if there is none. */
  readonly read: () => Promise<string | null>;
  /**
   * Puts `next` in the place of `expected` if that is what the store holds, as one step for
   * all who share it, and says whether it did. `null` stands for no text.
   */
  readonly replace: (expected: string | null, next: string | null) => Promise<boolean>;
  /**
   * Does the work while nobody else who shares the store does such work; so that one of
   * them refreshes and the others find what came of it. Nobody waits for one who hangs:
   * if the turn does not come within some seconds, or there is no way to take turns, the
   * work is done all the same, and the server's rules for parallel refreshes keep everybody
   * signed in.
   */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  /** Calls `changed` soon after somebody else changed the text, where that can be known. Returns what ends it. */
  readonly watch: (changed: () => void) => () => void;
};

/** The store cannot be used, or what it holds is no session. The message says what to do. */
export class SessionStoreError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "SessionStoreError";
  }
}

/** A store that lives as long as this process or page. Several clients may share it. */
export function createMemoryStore(): SessionStore {
  let kept: string | null = null;
  let turn: Promise<unknown> = Promise.resolve();
  return {
    place: "memory",
    read: async () => kept,
    async replace(expected, next) {
      if (kept !== expected) return false;
      kept = next;
      return true;
    },
    exclusively(work) {
      const mine = turn.then(work);
      turn = mine.catch(() => undefined);
      return mine;
    },
    watch: () => () => undefined,
  };
}
