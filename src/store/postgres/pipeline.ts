/**
 * The statements of a transaction on their way: what is asked for at once goes together, in that order, and comes back
 * in one round trip. Each still sees what the ones before it did, and waits for the locks that it needs.
 */
import type { ClientBase, Connection, Submittable } from "pg";
import { toFault } from "./fault.ts";
import { type Execution, type PreparedStatement, toMessages, toPrepared } from "./prepared.ts";

/** A statement that somebody waits for. */
export type PendingStatement = {
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

/** Where statements are sent. */
export type Pipeline = {
  /** What comes now is another transaction's. */
  readonly begin: () => void;
  readonly send: (statement: PendingStatement) => void;
};

/** How statements are sent. */
export type PipelineTerms = {
  /** How long the answer to a statement that is sent alone is waited for, in milliseconds; 0: for ever. */
  readonly answerMs: number;
  /** Asked before anything is sent; throws if nothing must be any more. */
  readonly mayGoOn: () => void;
};

/** Sends statements on `client`. */
export function createPipeline(client: ClientBase, { answerMs, mayGoOn }: PipelineTerms): Pipeline {
  const prepared = new Map<string, PreparedStatement>();
  const waiting: PendingStatement[] = [];
  let isSending = false;
  /** Why nothing is sent any more. */
  let failure: unknown = null;

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = takePrepared();
      if (batch.length > 0) await sendBatch(batch);
      else await sendUnprepared(waiting.shift());
    }
    isSending = false;
  }

  /** Those next in line that are prepared on this connection. */
  function takePrepared(): Batched[] {
    const batch: Batched[] = [];
    for (const pending of waiting) {
      const statement = pending.name === undefined ? undefined : prepared.get(pending.name);
      if (statement === undefined) break;
      batch.push({ pending, statement, values: pending.values });
    }
    waiting.splice(0, batch.length);
    return batch;
  }

  /** The driver prepares it, if it is to be, and has its rows described. */
  async function sendUnprepared(pending: PendingStatement | undefined): Promise<void> {
    if (pending === undefined || !isAllowed([pending])) return;
    const { text, values, name } = pending;
    try {
      const answer = await client.query({ text, values: [...values], ...(name !== undefined && { name }) });
      if (name !== undefined) prepared.set(name, toPrepared(text, name, answer.fields));
      pending.resolve({ rows: answer.rows, changes: changesBy(answer.command, answer.rowCount) });
    } catch (error) {
      reject([pending], toFault(error));
    }
  }

  async function sendBatch(batch: readonly Batched[]): Promise<void> {
    const all = batch.map(({ pending }) => pending);
    if (!isAllowed(all)) return;
    let messages: Buffer;
    try {
      messages = toMessages(batch);
    } catch (error) {
      // Nothing was sent: the connection is as good as before.
      reject(all, error);
      return;
    }
    const { left, error } = await new Promise<Ending>((end) =>
      client.query(createBatch({ batch, messages, answerMs, end })),
    );
    if (error !== null) reject(left, toFault(error));
  }

  /**
   * Of a transaction in which something failed nothing will be kept. Whatever else it asks for is not sent: if it was
   * its beginning that failed, there is none, and a change would be kept by itself.
   */
  function reject(statements: readonly PendingStatement[], error: unknown): void {
    failure ??= error;
    for (const statement of [...statements, ...waiting.splice(0)]) statement.reject(error);
  }

  function isAllowed(statements: readonly PendingStatement[]): boolean {
    try {
      if (failure !== null) throw failure;
      mayGoOn();
      return true;
    } catch (error) {
      reject(statements, error);
      return false;
    }
  }

  return {
    begin() {
      failure = null;
    },
    send(statement) {
      waiting.push(statement);
      if (isSending) return;
      isSending = true;
      // After whatever else is asked for now.
      queueMicrotask(sendAll);
    },
  };
}

/** A statement that is prepared, with whoever waits for it. */
type Batched = Execution & { readonly pending: PendingStatement };

/** What the driver tells a query of its own of, and of ours. */
type Batch = Submittable & {
  /** For those who note what the driver is asked for: nothing here reads it, `bench/world/recorded-statements.ts` does. */
  readonly executions: readonly Execution[];
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
type Ending = { readonly left: readonly PendingStatement[]; readonly error: unknown };

type BatchParts = {
  readonly batch: readonly Batched[];
  readonly messages: Buffer;
  readonly answerMs: number;
  readonly end: (ending: Ending) => void;
};

/** Each is answered as its own answer comes. */
function createBatch({ batch: executions, messages, answerMs, end }: BatchParts): Batch {
  let next = 0;
  let rows: Record<string, unknown>[] = [];
  const batch: Batch = {
    executions,
    query_timeout: answerMs * answersIn(executions),
    submit({ stream }: Connection) {
      if (stream.writable) stream.write(messages);
    },
    callback(error) {
      end({ left: executions.slice(next).map(({ pending }) => pending), error });
      next = executions.length;
    },
    handleDataRow({ fields }) {
      const row = executions[next]?.statement.toRow(fields);
      if (row !== undefined) rows.push(row);
    },
    handleCommandComplete({ text }) {
      executions[next]?.pending.resolve({ rows, changes: changesIn(text) });
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
function answersIn(executions: readonly Execution[]): number {
  return Math.max(1, executions.filter(({ statement }) => statement.mayWait).length);
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
