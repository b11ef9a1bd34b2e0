/**
 * Many writes, one transaction: what is asked for in one turn of the event loop
 * shares one commit and its fsync. Each write has a savepoint of its own, so one
 * that throws undoes itself alone, and one that nobody waits for any more is not run.
 * Nobody is answered before the commit is on disk; a commit that fails, fails for all.
 */
import { Refusal } from "../../errors.ts";
import { isOver, type Patience } from "../../lib/patience.ts";
import type { Connection } from "./connection.ts";
import { type Control, createControl } from "./control.ts";
import { isSqliteError, refusalOf } from "./outage.ts";

/** A write that waits for its turn. Never throws from `run`; tells its fate when the group's is known. */
type Member = { readonly run: () => Promise<void>; readonly settle: (failure: Error | null) => void };

/** The connection that nobody else writes through. */
type Writer = { readonly connection: Connection; readonly control: Control };

/** Writes waiting for a group; more are refused. */
const MAX_WAITING = 10_000;
/** Writes that share a commit, so that no group holds up the event loop for long. */
const MAX_GROUP = 64;
/** How long to wait between tries while another process holds the write lock, in milliseconds: about as long as a commit takes. */
const LOCK_RETRY_MS = 2;

/** Runs writes in groups on one connection that nobody else writes through. */
export type GroupCommit = {
  /** Runs `work` inside a group, if somebody still waits for it then; resolves after the group's commit. */
  readonly run: <T>(work: () => Promise<T>, patience?: Patience) => Promise<T>;
  /** Resolves when nothing is waiting or under way. */
  readonly idle: () => Promise<void>;
};

/** A {@link GroupCommit} on `connection`, which gives up if the write lock is not to be had for `lockPatienceMs`. */
export function createGroupCommit(connection: Connection, lockPatienceMs: number): GroupCommit {
  const control = createControl(connection);
  const waiting: Member[] = [];
  let running: Promise<void> | null = null;

  function run<T>(work: () => Promise<T>, patience?: Patience): Promise<T> {
    if (waiting.length >= MAX_WAITING) return Promise.reject(new Refusal("UNAVAILABLE", { retryAfterMs: 1000 }));
    return new Promise((resolve, reject) => {
      waiting.push(createMember({ connection, control }, work, patience, { resolve, reject }));
      running ??= runGroups();
    });
  }

  async function runGroups(): Promise<void> {
    while (waiting.length > 0) {
      await new Promise(setImmediate);
      const group = waiting.splice(0, MAX_GROUP);
      const failure = await commitGroup({ connection, control }, group, lockPatienceMs);
      for (const member of group) member.settle(failure);
    }
    running = null;
  }

  return {
    run,
    async idle() {
      while (running !== null) await running;
    },
  };
}

function createMember<T>(
  { connection, control }: Writer,
  work: () => Promise<T>,
  patience: Patience | undefined,
  { resolve, reject }: Pick<PromiseWithResolvers<T>, "resolve" | "reject">,
): Member {
  let settleOwn = () => {};
  return {
    async run() {
      if (isOver(patience)) {
        settleOwn = () => reject(new Refusal("DEADLINE_EXCEEDED"));
        return;
      }
      control.beginMember();
      try {
        const value = await work();
        settleOwn = () => resolve(value);
      } catch (error) {
        if (!connection.inTransaction) throw error;
        control.undoMember();
        settleOwn = () => reject(refusalOf(error));
      }
      control.endMember();
    },
    settle: (failure) => (failure === null ? settleOwn() : reject(failure)),
  };
}

/** Runs the members and commits; the failure if nothing of it was kept. */
async function commitGroup(
  { connection, control }: Writer,
  group: readonly Member[],
  lockPatienceMs: number,
): Promise<Error | null> {
  try {
    await beginImmediate(control, lockPatienceMs);
    for (const member of group) await member.run();
    control.commit();
    return null;
  } catch (error) {
    if (connection.inTransaction) control.rollback();
    return new Refusal("UNAVAILABLE", { retryAfterMs: 1000, cause: error });
  }
}

/** Takes the write lock, waiting between tries rather than inside SQLite, where the event loop would stand still. */
async function beginImmediate(control: Control, patienceMs: number): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      control.beginImmediate();
      return;
    } catch (error) {
      if (!isSqliteError(error, /^SQLITE_BUSY/) || performance.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
    }
  }
}
