/**
 * Hints that the revocation log has grown, by LISTEN and NOTIFY on a connection of
 * their own. A hint may be lost, and nobody may rely on one: whoever follows the log
 * reads it at intervals anyway.
 */
import { Client } from "pg";
import type { Address } from "./address.ts";
import { clientConfig, type Timeouts } from "./client.ts";

const CHANNEL = "sallyport_log";
/** Waits between tries to connect, in milliseconds: the first, and the longest. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/** Hints to and from other processes. */
export type Hints = {
  /** Calls back whenever another process tells, and when hints may have been missed; ends with what it yields. */
  readonly onHint: (callback: () => void) => () => void;
  /** Tells the other processes; for those that want hints themselves. */
  readonly tell: () => void;
  readonly close: () => Promise<void>;
};

/** {@link Hints} by way of the database; connects when somebody first wants them. */
export function createHints(address: Address, timeouts: Timeouts, jitter: () => number): Hints {
  const listeners = new Set<() => void>();
  let client: Client | null = null;
  /** The same, or the one that is to be. */
  let latest: Client | null = null;
  let isTelling = false;
  /** Whether something is still to be told: what could not be told yet is told when there is a connection again. */
  let owes = false;
  let isClosed = false;
  let isWanted = false;
  let waitMs = FIRST_WAIT_MS;
  let timer: NodeJS.Timeout | null = null;

  const callAll = () => {
    for (const listener of listeners) listener();
  };

  async function connect(): Promise<void> {
    const fresh = new Client(clientConfig(address, timeouts));
    latest = fresh;
    let isOver = false;
    const lose = () => {
      if (isOver) return;
      isOver = true;
      if (client === fresh) client = null;
      fresh.connection.stream.destroy();
      if (!isClosed) connectLater();
    };
    fresh.on("error", lose).on("end", lose);
    fresh.on("notification", ({ processId }) => {
      if (processId !== ownPid) callAll();
    });
    let ownPid = 0;
    try {
      await fresh.connect();
      // A hint that is lost with the machine is not missed.
      await fresh.query("set synchronous_commit = off");
      ownPid = Number((await fresh.query("select pg_backend_pid() as pid")).rows[0]?.pid);
      await fresh.query(`listen ${CHANNEL}`);
    } catch {
      return lose();
    }
    if (isClosed) return lose();
    if (isOver) return;
    client = fresh;
    waitMs = FIRST_WAIT_MS;
    callAll();
    void settle();
  }

  function connectLater(): void {
    timer = setTimeout(connect, waitMs * (0.5 + jitter() / 2));
    timer.unref();
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
  }

  /** One at a time: what comes meanwhile is told by one more. */
  async function settle(): Promise<void> {
    if (isTelling) return;
    isTelling = true;
    while (owes && client !== null) {
      owes = false;
      await client.query(`notify ${CHANNEL}`).catch(() => {});
    }
    isTelling = false;
  }

  return {
    onHint(callback) {
      listeners.add(callback);
      if (!isWanted) void connect();
      isWanted = true;
      return () => void listeners.delete(callback);
    },
    tell() {
      owes = isWanted;
      void settle();
    },
    async close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      const isConnected = client !== null;
      client = null;
      if (isConnected) await latest?.end();
      else latest?.connection.stream.destroy();
    },
  };
}
