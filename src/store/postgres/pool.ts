/** Connections that are shared: so many at once, so many who wait for one, for so long. */
import { type ClientBase, Pool, type PoolClient } from "pg";
import { Refusal } from "../../errors.ts";
import { isOver, type Patience, timeLeft } from "../../lib/patience.ts";
import { createPermits, type OwnPermits } from "../../lib/permits.ts";
import type { Address } from "./address.ts";
import { clientConfig, makeTrustworthy, type Timeouts } from "./client.ts";
import { NO_ANSWER, PostgresFault, toFault, unavailable } from "./fault.ts";

/** Who waits for a connection; more are refused. */
const MAX_WAITING = 500;
/** Connections that writes leave to reads: whoever follows the log must not wait behind those who make it grow. */
const FOR_READS = 2;
const IDLE_MS = 60_000;
const NONE_FREE = "no connection became free in time";
const NONE_MADE = "no connection was made in time";

/** A bounded number of connections. */
export type ClientPool = {
  /**
   * Runs `work` on a connection that nobody else uses meanwhile. One that is no good afterwards is given up. Whose
   * patience is over before that is told so, and leaves the queue; a connection that is being made then is kept for others.
   * @throws Refusal UNAVAILABLE if there is none to be had, and what `work` throws.
   */
  readonly read: <T>(work: (client: ClientBase) => Promise<T>, patience?: Patience) => Promise<T>;
  /** The same, if few enough do. */
  readonly write: <T>(work: (client: ClientBase) => Promise<T>, patience?: Patience) => Promise<T>;
  /** Closes every connection; after what is under way. */
  readonly close: () => Promise<void>;
};

/** Whoever wants a connection. */
type Caller = {
  readonly patience: Patience | undefined;
  /** Tells them that there will be none in time: nothing may be begun for them after that. */
  readonly abandon: (refusal: Refusal) => void;
  readonly isAbandoned: () => boolean;
};

/** A {@link ClientPool} of up to `max` connections; none is made yet. */
export function createClientPool(address: Address, max: number, timeouts: Timeouts): ClientPool {
  const pool = new Pool({
    ...clientConfig(address, timeouts),
    max,
    idleTimeoutMillis: IDLE_MS,
    onConnect: makeTrustworthy,
  });
  const forAll = createPermits({ permits: max, queue: MAX_WAITING });
  const forWrites = createPermits({ permits: Math.max(1, max - FOR_READS), queue: MAX_WAITING });
  /** When each connection was made, in numbers of how often all were given up. */
  const generations = new WeakMap<ClientBase, number>();
  let generation = 0;

  // Whose connection ends while it is idle, or between two statements, learns it by the next.
  pool.on("error", () => {});
  pool.on("connect", (client) => {
    client.on("error", () => {});
    generations.set(client, generation);
  });

  async function connect({ patience, abandon }: Caller): Promise<PoolClient> {
    // Those who came before, in the same turn, take one of the idle each.
    const isIdle = pool.idleCount > pool.waitingCount;
    if (patience === undefined || isIdle) return pool.connect();
    const stopWaiting = whenOver(patience, timeouts.connectMs, () => abandon(unavailable(new Error(NONE_MADE))));
    return pool.connect().finally(stopWaiting);
  }

  async function acquire(caller: Caller): Promise<PoolClient> {
    for (;;) {
      const client = await connect(caller);
      if (generations.get(client) === generation || caller.isAbandoned()) return client;
      client.release(true);
    }
  }

  async function occupy<T>(work: (client: ClientBase) => Promise<T>, caller: Caller): Promise<T> {
    const client = await acquire(caller).catch((error: unknown) => {
      throw error instanceof Refusal ? error : unavailable(toFault(error));
    });
    let isLost = false;
    try {
      if (caller.isAbandoned() || isOver(caller.patience)) throw new Refusal("DEADLINE_EXCEEDED");
      return await work(client);
    } catch (error) {
      isLost = isLoss(error);
      // Others of the same age lead to the same server, or into the same void.
      if (isLost && concernsAll(error)) generation += 1;
      throw error;
    } finally {
      give(client, isLost);
    }
  }

  /** Waits for a permit, and not for ever. */
  async function inTurn<T>(permits: OwnPermits, work: () => Promise<T>, patience?: Patience): Promise<T> {
    if (permits.isFree()) return permits.run(work);
    let isRunning = false;
    let stopWaiting = () => {};
    const { result, leave } = permits.enter(() => {
      isRunning = true;
      // To give up is for the wait alone: what runs may commit, and whoever asked for it must learn that.
      stopWaiting();
      return work();
    });
    stopWaiting = whenOver(patience, timeouts.connectMs, () => leave(new Error(NONE_FREE)));
    try {
      return await result;
    } catch (error) {
      throw isRunning ? error : unavailable(error);
    } finally {
      stopWaiting();
    }
  }

  const asOne = <T>(work: (client: ClientBase) => Promise<T>, caller: Caller) =>
    inTurn(forAll, () => occupy(work, caller), caller.patience);

  return {
    read: (work, patience) => unlessAbandoned(patience, (caller) => asOne(work, caller)),
    write: (work, patience) =>
      unlessAbandoned(patience, (caller) => inTurn(forWrites, () => asOne(work, caller), patience)),
    close: () => pool.end(),
  };
}

/** What `work` yields, unless it abandons its caller before: then that rejects, and the work goes on with its permits. */
function unlessAbandoned<T>(patience: Patience | undefined, work: (caller: Caller) => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let isAbandoned = false;
  const abandon = (refusal: Refusal) => {
    isAbandoned = true;
    reject(refusal);
  };
  work({ patience, abandon, isAbandoned: () => isAbandoned }).then(resolve, reject);
  return promise;
}

/** Calls `giveUp` once when nobody waits any more, or after `longestMs`; returns a function that prevents it. */
function whenOver(patience: Patience | undefined, longestMs: number, giveUp: () => void): () => void {
  const end = () => {
    prevent();
    giveUp();
  };
  const prevent = () => {
    clearTimeout(timer);
    patience?.signal.removeEventListener("abort", end);
  };
  const timer = setTimeout(end, isOver(patience) ? 0 : timeLeft(patience, longestMs));
  patience?.signal.addEventListener("abort", end);
  return prevent;
}

/** Gives the connection back, or up: also if its transaction is not over, since then nothing is known of it. */
function give(client: PoolClient, isLost: boolean): void {
  const isIdle = client.getTransactionStatus() === "I";
  // A goodbye that nobody hears would never end.
  if (isLost) client.connection.stream.destroy();
  client.release(isLost || !isIdle);
}

function isLoss(error: unknown): boolean {
  const fault = error instanceof Refusal ? error.cause : error;
  return fault instanceof PostgresFault && fault.kind === "lost";
}

/** A demoted primary, or one that does not answer. */
function concernsAll(error: unknown): boolean {
  const fault = error instanceof Refusal ? error.cause : error;
  return fault instanceof PostgresFault && (fault.code === "25006" || fault.message === NO_ANSWER);
}
