/**
 * Reads and writes as transactions on one connection.
 *
 * A read is one snapshot (REPEATABLE READ, READ ONLY). A write runs at READ
 * COMMITTED, where each statement sees what is committed, and whoever waited for a
 * lock sees what it waited for: queries lock what they read in order to change it.
 *
 * Somebody who waits less long than the connection's time-outs shortens them for the transaction, to what is left of the
 * deadline when it begins. The deadline is looked at before anything is sent, the commit of a write included; statements
 * that go together are not asked about one by one, and each may take as long as was left at the beginning. A client that
 * goes away stops nothing that has begun.
 */
import type { ClientBase } from "pg";
import { Refusal } from "../../errors.ts";
import { isTooLate, type Patience, timeLeft } from "../../lib/patience.ts";
import type { Queries, Tx } from "../store.ts";
import type { Timeouts } from "./client.ts";
import { type Session, sessionOn } from "./dialect.ts";
import { type PostgresFault, toFault, unavailable } from "./fault.ts";

/** The database's time, in whole milliseconds. */
export const NOW = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now";

const BEGIN_READ = "begin isolation level repeatable read read only";
const BEGIN_WRITE = "begin isolation level read committed";
const SELECT_NOW = `select ${NOW}`;
const SHORTEN = "select set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)";
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

/** A read to be run; `onBegun` is told that the connection was fit for it. */
export type Reading<T> = { readonly work: (db: Queries) => Promise<T>; readonly onBegun: () => void };

/** Runs a read on one snapshot, which begins with its first queries. @throws PostgresFault, and what `work` throws. */
export async function runRead<T>(terms: Terms, { work, onBegun }: Reading<T>): Promise<T> {
  const read = async (session: Session) => {
    const asked = [beginRead(session, terms).then(onBegun), atOnce(() => work(session.db))] as const;
    const [, value] = await Promise.all(asked);
    return value;
  };
  return within(terms, () => commit(terms.client, END_READ), read);
}

/** The same where `work` asks for everything at once: it goes, with its beginning and its end, in one piece. */
export async function runReadAtOnce<T>(terms: Terms, { work, onBegun }: Reading<T>): Promise<T> {
  const read = async (session: Session) => {
    const asked = [
      beginRead(session, terms).then(onBegun),
      atOnce(() => work(session.db)),
      session.execute(END_READ),
    ] as const;
    session.complete();
    const [, value] = await Promise.all(asked);
    return value;
  };
  return within(terms, async () => {}, read);
}

/** Begun now; and what it throws now, it throws later. */
const atOnce = async <T>(work: () => Promise<T>): Promise<T> => work();

/** A write to be run; `asksFirst`: it asks for its first queries before it looks at the time, and they go together. */
export type Writing<T> = { readonly work: (tx: Tx) => Promise<T>; readonly asksFirst: boolean };

/**
 * Runs `work` and commits, if that can still be sent by the deadline.
 * @throws PostgresFault and what `work` throws, and nothing is kept; Refusal UNAVAILABLE if the connection broke
 * during the commit, and nobody knows.
 */
export async function runWrite<T>(terms: Terms, { work, asksFirst }: Writing<T>): Promise<Written<T>> {
  const effects: (() => void)[] = [];
  let hasNews = false;
  let now: number | null = null;
  const written = async (session: Session) => {
    const begun = beginWrite(session, terms, (at) => {
      now = at;
    });
    if (!asksFirst) await begun;
    const tx: Tx = {
      db: session.db,
      get now() {
        if (now === null) throw new Error("the time of a write was looked at before its first query was answered");
        return now;
      },
      locksRows: true,
      onCommit: (effect) => void effects.push(effect),
      announce: () => {
        hasNews = true;
      },
    };
    const [value] = await Promise.all([atOnce(() => work(tx)), begun]);
    // The last statement may have been waited for until now.
    refuseIfTooLate(terms);
    return value;
  };
  const value = await within(terms, () => commit(terms.client, END_WRITE), written);
  return { value, effects, hasNews };
}

/** What goes with the first queries; if it fails, so do they. */
async function beginRead(session: Session, terms: Terms): Promise<void> {
  await Promise.all([session.execute(BEGIN_READ), shorten(session, terms)]);
}

/** The same; `onTime` is told the database's time before any query is answered. */
async function beginWrite(session: Session, terms: Terms, onTime: (now: number) => void): Promise<void> {
  const onRow = (row: Record<string, unknown> | undefined) => onTime(Number(row?.now));
  await Promise.all([session.execute(BEGIN_WRITE), shorten(session, terms), session.execute(SELECT_NOW, [], onRow)]);
}

/** Shortens the connection's time-outs for somebody who waits less long. */
async function shorten(session: Session, { patience, timeouts: { statementMs, lockMs } }: Terms): Promise<void> {
  // To the server, 0 would be no time-out at all.
  const atMost = (ms: number) => (ms === 0 ? 0 : Math.max(1, Math.floor(timeLeft(patience, ms))));
  const [statement, lock] = [atMost(statementMs), atMost(lockMs)];
  if (statement < statementMs || lock < lockMs) await session.execute(SHORTEN, [statement, lock]);
}

/** Runs the work of a transaction, and ends it. */
async function within<T>(terms: Terms, end: () => Promise<void>, work: (session: Session) => Promise<T>): Promise<T> {
  const { client } = terms;
  const session = sessionOn(client, terms.timeouts);
  session.begin(() => refuseIfTooLate(terms));
  let value: T;
  try {
    value = await work(session);
  } catch (error) {
    session.end();
    await rollBack(client);
    throw error;
  }
  session.end();
  await end();
  return value;
}

function refuseIfTooLate({ patience }: Terms): void {
  if (isTooLate(patience)) throw new Refusal("DEADLINE_EXCEEDED");
}

/** If it cannot be rolled back, the connection is no good any more, which its owner sees by its state. */
async function rollBack(client: ClientBase): Promise<void> {
  await client.query("rollback").catch(() => {});
}

async function commit(client: ClientBase, end: string): Promise<void> {
  try {
    await client.query(end);
  } catch (error) {
    const fault = toFault(error);
    if (mayHaveCommitted(fault)) throw unavailable(fault);
    await rollBack(client);
    throw fault;
  }
}

/** Told by the server, a failure is certain; but who ends a connection may do so after the commit. */
function mayHaveCommitted({ kind, message }: PostgresFault): boolean {
  return kind === "lost" && message !== NEVER_SENT;
}

/** What the driver says of a connection that it knows to be broken. */
const NEVER_SENT = "Client has encountered a connection error and is not queryable";
