/**
 * Kysely over one PostgreSQL connection that somebody else owns. Transactions are not Kysely's here; see transaction.ts.
 */
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import type { ClientBase } from "pg";
import { setShortcut } from "../compile-once.ts";
import type { Schema } from "../schema.ts";
import type { Queries } from "../store.ts";
import type { Timeouts } from "./client.ts";
import { createPipeline, type Outcome } from "./pipeline.ts";
import { toText } from "./prepared.ts";

/** Statements that each connection keeps prepared; more than the queries that there are, lists of any length apart. */
const MAX_PREPARED = 300;

/** Queries on a connection. */
export type Session = {
  readonly db: Queries;
  /** Lets queries through until it is ended, each if `mayGoOn` does not throw. */
  readonly begin: (mayGoOn?: () => void) => void;
  /** Executes a statement of the transaction's own, in its place among the queries; `onRow` is called before those after it are answered. */
  readonly execute: (
    sql: string,
    parameters?: readonly unknown[],
    onRow?: (row: Record<string, unknown> | undefined) => void,
  ) => Promise<void>;
  /** Takes no more statements; those that it has go through. */
  readonly complete: () => void;
  /** No query goes through any more: the connection is about to be somebody else's. */
  readonly end: () => void;
};

const sessions = new WeakMap<ClientBase, Session>();

/** The queries of `client`: always the same, since those that are put together once are so for each connection. */
export function sessionOn(client: ClientBase, { answerMs }: Pick<Timeouts, "answerMs">): Session {
  const known = sessions.get(client);
  if (known !== undefined) return known;
  const session = openSession(client, { prepares: true, answerMs });
  sessions.set(client, session);
  return session;
}

/** How a session asks. */
export type SessionTerms = {
  /** Whether each query is prepared once for the connection. */
  readonly prepares: boolean;
  /** How long the answer to each is waited for, in milliseconds; 0: for ever. */
  readonly answerMs: number;
};

/** Queries on `client`, in the order in which they are asked for. What fails is a PostgresFault. */
export function openSession(client: ClientBase, { prepares, answerMs }: SessionTerms): Session {
  let isOpen = false;
  let isComplete = false;
  let mayGoOn = () => {};
  const pipeline = createPipeline(client, {
    answerMs,
    mayGoOn() {
      if (!isOpen) throw afterEnd();
      mayGoOn();
    },
  });

  function ask<T>(sql: string, parameters: readonly unknown[], toAnswer: (outcome: Outcome) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (isComplete) return reject(afterEnd());
      pipeline.send({
        text: sql,
        name: prepares ? nameOf(sql) : undefined,
        values: parameters.map(storable),
        resolve: (outcome) => resolve(toAnswer(outcome)),
        reject,
      });
    });
  }

  const connection: DatabaseConnection = {
    executeQuery: <Row>({ sql, parameters }: CompiledQuery) => ask(sql, parameters, toResult<Row>),
    streamQuery(): never {
      throw new Error("streaming is not supported");
    },
  };
  const db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driverOn(connection, client),
      createIntrospector: (queries) => new PostgresIntrospector(queries),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  setShortcut(db, connection);
  return {
    db,
    begin(asked = () => {}) {
      mayGoOn = asked;
      isOpen = true;
      isComplete = false;
      pipeline.begin();
    },
    execute: (sql, parameters = [], onRow = () => {}) => ask(sql, parameters, ({ rows: [row] }) => onRow(row)),
    complete() {
      isComplete = true;
    },
    end() {
      isOpen = false;
    },
  };
}

const afterEnd = () => new Error("a query came after the end of its transaction");

/** PostgreSQL has no U+0000. Nothing that is kept holds one, so whoever looks for it must find nothing, and not fail. */
function storable(value: unknown): string | null {
  const text = toText(value);
  return text?.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}

function toResult<Row>({ rows, changes }: Outcome): QueryResult<Row> {
  return { rows: rows as Row[], ...(changes !== null && { numAffectedRows: BigInt(changes) }) };
}

/** Begins and ends for migrations alone. */
function driverOn(connection: DatabaseConnection, client: ClientBase): Driver {
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: async () => void (await client.query("begin")),
    commitTransaction: async () => void (await client.query("commit")),
    rollbackTransaction: async () => void (await client.query("rollback")),
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

const names = new Map<string, string>();

/** The name under which a statement is kept prepared; none once there are too many. */
function nameOf(sql: string): string | undefined {
  const known = names.get(sql);
  if (known !== undefined || names.size >= MAX_PREPARED) return known;
  const name = `s${names.size + 1}`;
  names.set(sql, name);
  return name;
}
