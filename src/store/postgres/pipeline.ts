/**
 * The statements of a transaction on their way: what is asked for at once goes together, in that order, and comes back
 * in one round trip. Each still sees what the ones before it did, and waits for the locks that it needs.
 */
import type { ClientBase, Connection, Submittable } from "pg";
import { toFault } from "./fault.ts";
import { type Asked, type Prepared, toMessages, toPrepared } from "./prepared.ts";

/** A statement that somebody waits for. */
export type Order = {
  readonly text: string;
  readonly values: readonly (string | null)[];
  /** Under which the connection keeps it prepared; `undefined`: it does not. */
  readonly name: string | undefined;
  readonly resolve: (outcome: Outcome) => void;
  /** Told of a PostgresFault, or of why it was not sent. */
  readonly reject: (error: unknown) => void;
};

/** What came of a statement. */
export type Outcome = {
  readonly rows: readonly Record<string, unknown>[];
  /** How many rows were changed; `null` if the statement is none that changes any. */
  readonly changes: number | null;
};

/** Where orders are sent. */
export type Pipeline = {
  /** What comes now is another transaction's. */
  readonly begin: () => void;
  readonly send: (order: Order) => void;
};

/** How orders are sent. */
export type PipelineTerms = {
  /** How long the answer to a statement that is sent alone is waited for, in milliseconds; 0: for ever. */
  readonly answerMs: number;
  /** Asked before anything is sent; throws if nothing must be any more. */
  readonly mayGoOn: () => void;
};

/** Sends orders on `client`. */
export function createPipeline(client: ClientBase, { answerMs, mayGoOn }: PipelineTerms): Pipeline {
  const prepared = new Map<string, Prepared>();
  const waiting: Order[] = [];
  let isSending = false;
  /** Why nothing is sent any more. */
  let failure: unknown = null;

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const together = takeKnown();
      if (together.length > 0) await sendTogether(together);
      else await sendFirst(waiting.shift());
    }
    isSending = false;
  }

  /** Those next in line that were asked before on this connection. */
  function takeKnown(): Known[] {
    const known: Known[] = [];
    for (const order of waiting) {
      const statement = order.name === undefined ? undefined : prepared.get(order.name);
      if (statement === undefined) break;
      known.push({ order, statement });
    }
    waiting.splice(0, known.length);
    return known;
  }

  /** The driver prepares it, if it is to be, and has its rows described. */
  async function sendFirst(order: Order | undefined): Promise<void> {
    if (order === undefined || !isAllowed([order])) return;
    const { text, values, name } = order;
    try {
      const answer = await client.query({ text, values: [...values], ...(name !== undefined && { name }) });
      if (name !== undefined) prepared.set(name, toPrepared(text, name, answer.fields));
      order.resolve({ rows: answer.rows, changes: changesBy(answer.command, answer.rowCount) });
    } catch (error) {
      refuse([order], toFault(error));
    }
  }

  async function sendTogether(known: readonly Known[]): Promise<void> {
    const orders = known.map(({ order }) => order);
    if (!isAllowed(orders)) return;
    const asked = known.map(({ order, statement }) => ({ statement, values: order.values }));
    let messages: Buffer;
    try {
      messages = toMessages(asked);
    } catch (error) {
      // Nothing was sent: the connection is as good as before.
      refuse(orders, error);
      return;
    }
    const { left, error } = await new Promise<Ending>((end) =>
      client.query(createBatch({ orders: known, asked, messages, answerMs, end })),
    );
    if (error !== null) refuse(left, toFault(error));
  }

  /**
   * Of a transaction in which something failed nothing will be kept. Whatever else it asks for is not sent: if it was
   * its beginning that failed, there is none, and a change would be kept by itself.
   */
  function refuse(orders: readonly Order[], error: unknown): void {
    failure ??= error;
    for (const { reject } of [...orders, ...waiting.splice(0)]) reject(error);
  }

  function isAllowed(orders: readonly Order[]): boolean {
    try {
      if (failure !== null) throw failure;
      mayGoOn();
      return true;
    } catch (error) {
      refuse(orders, error);
      return false;
    }
  }

  return {
    begin() {
      failure = null;
    },
    send(order) {
      waiting.push(order);
      if (isSending) return;
      isSending = true;
      // After whatever else is asked for now.
      queueMicrotask(sendAll);
    },
  };
}

type Known = { readonly order: Order; readonly statement: Prepared };

/** What the driver tells a query of its own of, and of ours. */
type Batch = Submittable & {
  /** For those who look at what the driver is asked for: nothing here reads it, `bench/world/recorded-statements.ts` does. */
  readonly asked: readonly Asked[];
  /** How long the driver waits for the end of it, in milliseconds; 0: for ever. */
  readonly query_timeout: number;
  /** The driver puts its time-out around it. */
  callback: (error: unknown) => void;
  readonly handleDataRow: (message: { readonly fields: readonly (string | null)[] }) => void;
  readonly handleCommandComplete: (message: { readonly text: string }) => void;
  readonly handleReadyForQuery: () => void;
  readonly handleError: (error: unknown) => void;
};

/** How a batch ended: the first that failed and those after it, which were not begun, and why. */
type Ending = { readonly left: readonly Order[]; readonly error: unknown };

type BatchParts = {
  readonly orders: readonly Known[];
  readonly asked: readonly Asked[];
  readonly messages: Buffer;
  readonly answerMs: number;
  readonly end: (ending: Ending) => void;
};

/** Each is answered as its own answer comes. */
function createBatch({ orders: known, asked, messages, answerMs, end }: BatchParts): Batch {
  let next = 0;
  let rows: Record<string, unknown>[] = [];
  const batch: Batch = {
    asked,
    query_timeout: answerMs * roundsOf(asked),
    submit({ stream }: Connection) {
      if (stream.writable) stream.write(messages);
    },
    callback(error) {
      end({ left: known.slice(next).map(({ order }) => order), error });
      next = known.length;
    },
    handleDataRow({ fields }) {
      const row = known[next]?.statement.toRow(fields);
      if (row !== undefined) rows.push(row);
    },
    handleCommandComplete({ text }) {
      known[next]?.order.resolve({ rows, changes: changesIn(text) });
      rows = [];
      next += 1;
    },
    handleReadyForQuery: () => batch.callback(null),
    handleError: (error) => batch.callback(error),
  };
  return batch;
}

/**
 * How many times as long they may take as one alone: the server's time-outs hold for each, and it keeps the answers back
 * until the last. What only reads waits for nobody, so that however much of it there is, silence is noticed as soon.
 */
function roundsOf(asked: readonly Asked[]): number {
  let waiting = 0;
  for (const { statement } of asked) if (statement.mayWait) waiting += 1;
  return Math.max(1, waiting);
}

const CHANGES: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

function changesBy(command: string, count: number | null): number | null {
  return CHANGES.has(command) ? (count ?? 0) : null;
}

/** Out of what the server says that was done: `UPDATE 1`, `INSERT 0 1`. */
function changesIn(tag: string): number | null {
  const end = tag.lastIndexOf(" ");
  return end < 0 ? null : changesBy(tag.slice(0, tag.indexOf(" ")), Number(tag.slice(end + 1)));
}
