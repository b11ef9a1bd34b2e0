/**
 * Lets what comes in one turn of the event loop begin together, at its end, but at most so many in a turn: others wait for
 * those that follow. One packet may bring hundreds of requests, and a moment hundreds of connections: all of them would be
 * begun before anybody else is heard, those too that the next bytes take back.
 *
 * Who waits, waits in a lane, and the lanes take turns: whoever brings one thing waits for one of each other lane, not
 * for the hundreds that somebody else has brought before.
 */

type TurnstileDeps<T> = {
  /** How many in one turn. */
  readonly perTurn: number;
  readonly laneOf: (item: T) => unknown;
  /**
   * Milliseconds of a clock that only moves forward, if a turn that leaves some waiting is to be followed by as much time for
   * others as it took; `null` if the next turn of the event loop comes next.
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

/** Begins an item when its turn comes, or never if it is over by then. */
export type Turnstile<T> = (item: T) => void;

/** No turn is followed by a longer rest, in milliseconds: it may have been the machine that stood still. */
const LONGEST_REST_MS = 100;

/** A turnstile that nobody waits at. */
export function createTurnstile<T>({
  perTurn,
  laneOf,
  restingBy,
  next,
  begin,
  isOver,
}: TurnstileDeps<T>): Turnstile<T> {
  const take = next === "oldest" ? (waiting: T[]) => waiting.shift() : (waiting: T[]) => waiting.pop();
  /** Since the last turn, in no lane yet: where all of them fit into one turn, as they nearly always do, none is needed. */
  let arrived: T[] = [];
  /** The lane whose turn it is comes first. */
  const lanes = new Map<unknown, T[]>();
  let isTurnAhead = false;

  function takeTurn(): void {
    const beganAt = restingBy?.() ?? 0;
    const newcomers = arrived;
    arrived = [];
    const isCrowded = lanes.size > 0;
    if (isCrowded) {
      for (const item of newcomers) lineUp(item);
      beginInLanes();
    } else {
      beginAsTheyCame(newcomers);
    }
    // Much of what a thing costs comes after `begin`, before the turn of the event loop ends.
    isTurnAhead = isCrowded || lanes.size + arrived.length > 0;
    if (isTurnAhead) setImmediate(endTurn, beganAt);
  }

  function endTurn(beganAt: number): void {
    if (restingBy === null || lanes.size + arrived.length === 0) takeTurn();
    else setTimeout(takeTurn, Math.min(LONGEST_REST_MS, restingBy() - beganAt));
  }

  function lineUp(item: T): void {
    const lane = laneOf(item);
    const waiting = lanes.get(lane);
    if (waiting === undefined) lanes.set(lane, [item]);
    else {
      waiting.push(item);
      dropOver(waiting);
    }
  }

  /** Nobody waits: who came before a crowd goes before it, and is not buried under it where the newest comes next. */
  function beginAsTheyCame(newcomers: readonly T[]): void {
    let begun = 0;
    for (const item of newcomers) {
      if (begun === perTurn) {
        lineUp(item);
      } else if (!isOver(item)) {
        begun += 1;
        begin(item);
      }
    }
  }

  /** Those that have waited for longest are given up first, and where the newest comes next, no turn may come to them. */
  function dropOver(waiting: T[]): void {
    for (let [oldest] = waiting; oldest !== undefined && isOver(oldest); [oldest] = waiting) waiting.shift();
  }

  function beginInLanes(): void {
    let begun = 0;
    for (const [lane, waiting] of lanes) {
      if (begun === perTurn) return;
      lanes.delete(lane);
      const item = nextOf(waiting);
      // The loop comes to what is put back at the end, after all others.
      if (waiting.length > 0) lanes.set(lane, waiting);
      if (item === undefined) continue;
      begun += 1;
      begin(item);
    }
  }

  function nextOf(waiting: T[]): T | undefined {
    for (let item = take(waiting); item !== undefined; item = take(waiting)) if (!isOver(item)) return item;
    return undefined;
  }

  return (item) => {
    arrived.push(item);
    if (isTurnAhead) return;
    isTurnAhead = true;
    setImmediate(takeTurn);
  };
}
