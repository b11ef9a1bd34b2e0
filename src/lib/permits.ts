import { createLinkedList } from "./linked-list.ts";

/** There are no permits left and the queue for them is full. Nothing was started. */
export class PermitsExhausted extends Error {
  constructor() {
    super("every permit is taken and the queue is full");
    this.name = "PermitsExhausted";
  }
}

/** So many pieces of work at once, so many waiting, no more. */
export type Permits = {
  /**
   * Runs `work` when a permit is free, in the order of the calls, and yields its outcome.
   *
   * Rejects with {@link PermitsExhausted} at once if the queue is full, and with the
   * signal's reason as soon as the signal aborts. Work that waits then never starts;
   * work that runs goes on, unheeded, and keeps its permit until it is done: the permit
   * belongs to the work, not to whoever asked for it.
   */
  readonly run: <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** The same, with a function in place of the signal: it costs less, and does what an abort for this reason would. */
  readonly enter: <T>(work: () => Promise<T>) => {
    readonly result: Promise<T>;
    readonly leave: (reason: unknown) => void;
  };
  /** Whether one more would be let in, for whoever would rather know before the work is prepared; a no counts as refused. */
  readonly hasRoom: () => boolean;
  /** How many pieces of work run now. */
  readonly running: () => number;
  /** How many wait now. */
  readonly waiting: () => number;
  /** How many were refused so far because the queue was full. */
  readonly refused: () => number;
};

/** What whoever has work to run needs of {@link Permits}. */
export type EntryPermits = Pick<Permits, "run" | "hasRoom">;

/** {@link Permits} that somebody else grants, one by one. */
export type GrantedPermits = Permits & {
  /** One was granted. */
  readonly granted: () => void;
};

type Grants = {
  /** Pieces of work that may run or wait at once; more are refused. */
  readonly places: number;
  /** Asks for a permit, which is granted now or later. */
  readonly want: () => void;
  /** Gives one back. */
  readonly free: () => void;
};

/** Permits that are asked for and given back by `want` and `free`, and used in the order of the calls. */
export function createGrantedPermits({ places, want, free }: Grants): GrantedPermits {
  /** In the order of arrival; anyone may leave from the middle. */
  const waiters = createLinkedList<() => void>();
  let running = 0;
  let refused = 0;

  async function occupy<T>(work: () => Promise<T>): Promise<T> {
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      free();
    }
  }

  function hasRoom(): boolean {
    if (running + waiters.size() < places) return true;
    refused += 1;
    return false;
  }

  function enter<T>(work: () => Promise<T>) {
    const { promise: result, resolve, reject } = Promise.withResolvers<T>();
    const begin = () => void occupy(work).then(resolve, reject);
    if (!hasRoom()) {
      reject(new PermitsExhausted());
      return { result, leave: () => {} };
    }
    const place = waiters.add(begin);
    want();
    // What was asked for on behalf of somebody who has left goes to the next one.
    const leave = (reason: unknown) => {
      waiters.remove(place);
      reject(reason);
    };
    return { result, leave };
  }

  function run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { result, leave } = enter(work);
    if (signal === undefined) return result;
    const abandon = () => leave(signal.reason);
    signal.addEventListener("abort", abandon, { once: true });
    return result.finally(() => signal.removeEventListener("abort", abandon));
  }

  function granted(): void {
    const next = waiters.takeFirst() ?? free;
    next();
  }

  return {
    run,
    enter,
    hasRoom,
    granted,
    running: () => running,
    waiting: waiters.size,
    refused: () => refused,
  };
}

/** {@link Permits} of this process alone. */
export type OwnPermits = Permits & {
  /** Whether one is free: work that is run now begins at once. */
  readonly isFree: () => boolean;
};

/** A semaphore of `permits` permits with a first-in, first-out queue of `queue` places. */
export function createPermits({ permits, queue }: { permits: number; queue: number }): OwnPermits {
  let taken = 0;

  function grant(): void {
    taken += 1;
    all.granted();
  }

  const all = createGrantedPermits({
    places: permits + queue,
    want() {
      if (taken < permits) grant();
    },
    // Passed straight on, so that nobody who comes later can take it first.
    free() {
      taken -= 1;
      if (all.waiting() > 0) grant();
    },
  });
  return { ...all, isFree: () => taken < permits };
}
