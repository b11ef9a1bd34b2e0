/**
 * The store on PostgreSQL: any number of processes share one database. Rows are
 * locked by the queries that change what they read; the revocation log's counter is
 * locked last, and until the commit, so revisions are committed in their order.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Refusal } from "../../errors.ts";
import { createLinkedList } from "../../lib/linked-list.ts";
import { isOver, type Patience } from "../../lib/patience.ts";
import type { Store } from "../store.ts";
import { parseAddress } from "./address.ts";
import { TIMEOUTS, type Timeouts } from "./client.ts";
import { refusalOf } from "./fault.ts";
import { createHints, type Hints } from "./hints.ts";
import { type ClientPool, createClientPool } from "./pool.ts";
import { waitBeforeRetry } from "./retry.ts";
import { migratePostgres } from "./schema.ts";
import { runRead, runReadAtOnce, runWrite } from "./transaction.ts";

/** Which database, and how much is asked of it. */
export type PostgresStoreOptions = {
  /** `postgres://user:password@host:port/database`; see address.ts. */
  readonly url: string;
  /** Connections at once, one for hints apart. */
  readonly maxConnections?: number;
  readonly timeouts?: Partial<Timeouts>;
  /** A number from 0 to 1, another each time. */
  readonly jitter?: () => number;
};

const MAX_CONNECTIONS = 10;

/**
 * Makes or updates the schema of the database, and serves it.
 * @throws UnusableDatabase if it cannot serve, UnusableSchema if it was written by a newer version.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, maxConnections = MAX_CONNECTIONS, jitter = Math.random } = options;
  const address = parseAddress(url);
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  await migratePostgres(address);
  const pool = createClientPool(address, maxConnections, timeouts);
  return createStore({ pool, hints: createHints(address, timeouts, jitter), timeouts, jitter });
}

type Parts = {
  readonly pool: ClientPool;
  readonly hints: Hints;
  readonly timeouts: Timeouts;
  readonly jitter: () => number;
};

function createStore({ pool, hints, timeouts, jitter }: Parts): Store {
  const underWay = createLinkedList<Promise<unknown>>();
  let closing: Promise<void> | null = null;

  function unlessClosed<T>(work: () => Promise<T>): Promise<T> {
    if (closing !== null) return Promise.reject(new Refusal("UNAVAILABLE"));
    const result = work();
    const place = underWay.add(result);
    return result.finally(() => underWay.remove(place));
  }

  /** Tries again as long as that may help, and somebody waits; `mayRetry` is asked each time. */
  async function persist<T>(
    attempt: () => Promise<T>,
    patience: Patience | undefined,
    mayRetry: () => boolean,
  ): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        const waitMs = mayRetry() && !isOver(patience) ? waitBeforeRetry(error, tries, jitter) : null;
        if (waitMs === null) throw refusalOf(error);
        await pause(waitMs);
      }
    }
  }

  function readBy(run: typeof runRead): Store["read"] {
    return (work, patience) =>
      unlessClosed(() => {
        // A connection that broke while it was idle shows it here first.
        let hasBegun = false;
        const onBegun = () => {
          hasBegun = true;
        };
        return persist(
          () => pool.read((client) => run({ client, patience, timeouts }, { work, onBegun }), patience),
          patience,
          () => !hasBegun,
        );
      });
  }

  const write: Store["write"] = (work, patience, { asksFirst = false } = {}) =>
    unlessClosed(async () => {
      const { value, effects, hasNews } = await persist(
        () => pool.write((client) => runWrite({ client, patience, timeouts }, { work, asksFirst }), patience),
        patience,
        () => true,
      );
      for (const effect of effects) effect();
      if (hasNews) hints.tell();
      return value;
    });

  async function closeNow(): Promise<void> {
    const results: Promise<unknown>[] = [];
    underWay.each((result) => results.push(result));
    await Promise.allSettled(results);
    await hints.close();
    await pool.close();
  }

  return {
    read: readBy(runRead),
    readAtOnce: readBy(runReadAtOnce),
    write,
    changeMarker: () => null,
    onHint: hints.onHint,
    close() {
      closing ??= closeNow();
      return closing;
    },
  };
}
