/**
 * Reads and writes as transactions on one connection.
 *
 * A read is one snapshot (REPEATABLE READ, READ ONLY). A write runs at READ
 * COMMITTED, where each statement sees what is committed, and whoever waited for a
 * lock sees what it waited for: queries lock what they read in order to change it.
 *
 * Somebody who waits less long than the connection's time-outs shortens them for the transaction, and no statement is
 * begun after the deadline. A client that goes away stops nothing that has begun.
 */
import type { ClientBase, QueryResult } from "pg";
import { Refusal } from "../../errors.ts";
import { isTooLate, type Patience, timeLeft } from "../../lib/patience.ts";
import type { Queries, Tx } from "../store.ts";
import type { Timeouts } from "./client.ts";
import { sessionOn } from "./dialect.ts";
import { PostgresFault, toFault, unavailable } from "./fault.ts";

/** The database's time, in whole milliseconds. */
export const NOW = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now";

const BEGIN_READ = "begin isolation level repeatable read read only";
const BEGIN_WRITE = "begin isolation level read committed";
const SELECT_NOW = `select ${NOW}`;
const END_READ = "commit";
/** A commit that waits for a replica must not be cut short by a time-out: it would pass for one that did not wait. */
const END_WRITE = "set local statement_timeout = 0; commit";

/** A write that is on disk, and what is left to do. */
export type Written<T> = {
  readonly value: T;
  readonly effects: readonly (() => void)[];
  /** Whether others are to be told. */
  readonly hasNews: boolean;
};

/** Where a transaction runs, and for whom. */
export type Terms = {
  readonly client: ClientBase;
  readonly patience: Patience | undefined;
  /** What holds on the connection. */
  readonly timeouts: Timeouts;
};

/** Runs `work` on one snapshot. @throws PostgresFault, and what `work` throws. */
export async function runRead<T>(terms: Terms, work: (db: Queries) => Promise<T>): Promise<T> {
  await say(terms.client, [BEGIN_READ, ...shortened(terms)].join("; "));
  return within(terms, END_READ, ({ db }) => work(db));
}

/**
 * Runs `work` and commits.
 * @throws PostgresFault and what `work` throws, and nothing is kept; Refusal UNAVAILABLE if the connection broke
 * during the commit, and nobody knows.
 */
export async function runWrite<T>(terms: Terms, work: (tx: Tx) => Promise<T>): Promise<Written<T>> {
  const now = timeOf(await say(terms.client, [BEGIN_WRITE, ...shortened(terms), SELECT_NOW].join("; ")));
  const effects: (() => void)[] = [];
  let hasNews = false;
  const value = await within(terms, END_WRITE, ({ db }) =>
    work({
      db,
      now,
      locksRows: true,
      onCommit: (effect) => void effects.push(effect),
      announce: () => {
        hasNews = true;
      },
    }),
  );
  return { value, effects, hasNews };
}

/** The time-outs that are to be shorter than the connection's. */
function shortened({ patience, timeouts }: Terms): readonly string[] {
  const settings = [["statement_timeout", timeouts.statementMs] as const, ["lock_timeout", timeouts.lockMs] as const];
  return (
    settings
      .map(([name, ms]) => ({ name, ms, leftMs: Math.floor(timeLeft(patience, ms)) }))
      .filter(({ ms, leftMs }) => leftMs < ms)
      // To the server, 0 would be no time-out at all.
      .map(({ name, leftMs }) => `set local ${name} = ${Math.max(1, leftMs)}`)
  );
}

/** Runs the work of a transaction that has begun, and ends it. */
async function within<T>(
  { client, patience }: Terms,
  end: string,
  work: (session: { readonly db: Queries }) => Promise<T>,
): Promise<T> {
  const session = sessionOn(client);
  session.begin(() => {
    if (isTooLate(patience)) throw new Refusal("DEADLINE_EXCEEDED");
  });
  let value: T;
  try {
    value = await work(session);
  } catch (error) {
    session.end();
    await rollBack(client);
    throw error;
  }
  session.end();
  await commit(client, end);
  return value;
}

/** If it cannot be rolled back, the connection is no good any more, which its owner sees by its state. */
async function rollBack(client: ClientBase): Promise<void> {
  await client.query("rollback").catch(() => {});
}

async function commit(client: ClientBase, end: string): Promise<void> {
  try {
    await say(client, end);
  } catch (error) {
    if (mayHaveCommitted(error)) throw unavailable(error);
    await rollBack(client);
    throw error;
  }
}

/** Told by the server, a failure is certain; but who ends a connection may do so after the commit. */
function mayHaveCommitted(error: unknown): boolean {
  return error instanceof PostgresFault && error.kind === "lost" && error.message !== NEVER_SENT;
}

/** What the driver says of a connection that it knows to be broken. */
const NEVER_SENT = "Client has encountered a connection error and is not queryable";

async function say(client: ClientBase, text: string): Promise<QueryResult | readonly QueryResult[]> {
  try {
    return await client.query(text);
  } catch (error) {
    throw toFault(error);
  }
}

/** What the last of several statements told. */
export function timeOf(results: QueryResult | readonly QueryResult[]): number {
  const last = "rows" in results ? results : results.at(-1);
  return Number(last?.rows[0]?.now);
}
