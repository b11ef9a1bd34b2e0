/**
 * Lets things begin, so many in a turn of the event loop, and keeps the others waiting for the turns that follow. One
 * packet may bring hundreds of requests, and a moment hundreds of connections: all of them would be begun before anybody
 * else is heard, those too that the next bytes take back.
 *
 * Who waits, waits in a lane, and the lanes take turns: whoever brings one thing waits for one of each other lane, not
 * for the hundreds that somebody else has brought before.
 */

type TurnstileDeps<T> = {
  /** How many in one turn. */
  readonly perTurn: number;
  /**
   * Milliseconds of a clock that only moves forward, if each turn is to be followed by as much time for others as it took;
   * `null` if the next turn of the event loop comes next.
   */
  readonly restingBy: (() => number) | null;
  /**
   * Which of a lane comes next: the oldest, where their order means something; the newest, where the oldest may have been
   * given up, and a crowd shall keep nobody waiting but itself.
   */
  readonly next: "oldest" | "newest";
  readonly begin: (item: T) => void;
  /** True of what need not be begun any more. */
  readonly isOver: (item: T) => boolean;
};

/** Begins an item now, or later, or never if it is over before its turn comes. True if now. */
export type Turnstile<Lane, T> = (lane: Lane, item: T) => boolean;

/** No turn is followed by a longer rest, in milliseconds: it may have been the machine that stood still. */
const LONGEST_REST_MS = 100;

/** A turnstile that nobody waits at. */
export function createTurnstile<Lane, T>({
  perTurn,
  restingBy,
  next,
  begin,
  isOver,
}: TurnstileDeps<T>): Turnstile<Lane, T> {
  const take = next === "oldest" ? (waiting: T[]) => waiting.shift() : (waiting: T[]) => waiting.pop();
  let begun = 0;
  let turnBeganAt = 0;
  /** The lane whose turn it is comes first. */
  const lanes = new Map<Lane, T[]>();

  function pass(item: T): void {
    begun += 1;
    // Only when the turn's share is used up is the end of the turn waited for: to do so each time would cost every call a
    // little. So what counts as one turn may be several, and is never less.
    if (begun === perTurn) setImmediate(endTurn);
    begin(item);
  }

  /** Much of what a thing costs comes after `begin`, before the turn of the event loop ends. */
  function endTurn(): void {
    if (restingBy === null || lanes.size === 0) nextTurn();
    else setTimeout(nextTurn, Math.min(LONGEST_REST_MS, restingBy() - turnBeganAt));
  }

  function nextTurn(): void {
    begun = 0;
    turnBeganAt = restingBy?.() ?? 0;
    for (const [lane, waiting] of lanes) {
      if (begun === perTurn) return;
      lanes.delete(lane);
      const item = nextOf(waiting);
      // The loop comes to what is put back at the end, after all others.
      if (waiting.length > 0) lanes.set(lane, waiting);
      if (item !== undefined) pass(item);
    }
  }

  function nextOf(waiting: T[]): T | undefined {
    for (let item = take(waiting); item !== undefined; item = take(waiting)) if (!isOver(item)) return item;
    return undefined;
  }

  return (lane, item) => {
    if (isOver(item)) return false;
    if (begun < perTurn) {
      // Those before may have begun long ago: what counts is the turn of the event loop that brings the last.
      if (begun === perTurn - 1) turnBeganAt = restingBy?.() ?? 0;
      pass(item);
      return true;
    }
    const waiting = lanes.get(lane);
    if (waiting === undefined) lanes.set(lane, [item]);
    else waiting.push(item);
    return false;
  };
}
