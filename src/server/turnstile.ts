/**
 * Lets things begin, so many in a turn of the event loop, and keeps the others waiting for the turns that follow. One
 * packet may bring hundreds of requests, and Node announces each as it is read: all of them would be begun before
 * anybody else is heard, those too that the next bytes take back.
 */

type TurnstileDeps<T> = {
  /** How many in one turn. */
  readonly perTurn: number;
  readonly begin: (item: T) => void;
  /** True of what need not be begun any more. */
  readonly isOver: (item: T) => boolean;
};

/** Begins an item now, or later, or never if it is over before its turn comes; in the order in which they came. True if now. */
export type Turnstile<T> = (item: T) => boolean;

/** A turnstile that nobody waits at. */
export function createTurnstile<T>({ perTurn, begin, isOver }: TurnstileDeps<T>): Turnstile<T> {
  let begun = 0;
  let waiting: T[] = [];

  function pass(item: T): void {
    begun += 1;
    // Only when the turn's share is used up is the end of the turn waited for: to do so each time would cost every call a
    // little. So what counts as one turn may be several, and is never less.
    if (begun === perTurn) setImmediate(nextTurn);
    begin(item);
  }

  function nextTurn(): void {
    begun = 0;
    const left = waiting;
    waiting = [];
    for (const item of left) {
      if (begun === perTurn) waiting.push(item);
      else if (!isOver(item)) pass(item);
    }
  }

  return (item) => {
    if (isOver(item)) return false;
    if (begun < perTurn) {
      pass(item);
      return true;
    }
    waiting.push(item);
    return false;
  };
}
