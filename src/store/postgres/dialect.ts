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
import { toFault } from "./fault.ts";

/** Statements that each connection keeps prepared; more than the queries that there are, lists of any length apart. */
const MAX_PREPARED = 300;

/** Queries on a connection. */
export type Session = {
  readonly db: Queries;
  /** Lets queries through until it is ended, each if `mayGoOn` does not throw. */
  readonly begin: (mayGoOn?: () => void) => void;
  /** No query goes through any more: the connection is about to be somebody else's. */
  readonly end: () => void;
};

const sessions = new WeakMap<ClientBase, Session>();

/** The queries of `client`: always the same, since those that are put together once are so for each connection. */
export function sessionOn(client: ClientBase): Session {
  const known = sessions.get(client);
  if (known !== undefined) return known;
  const session = openSession(client, { prepares: true });
  sessions.set(client, session);
  return session;
}

/**
 * Queries on `client`, one after the other in the order in which they are asked for, each prepared once for the
 * connection if it `prepares`. What fails is a PostgresFault.
 */
export function openSession(client: ClientBase, { prepares }: { readonly prepares: boolean }): Session {
  let isOpen = false;
  let mayGoOn = () => {};
  let last: Promise<unknown> = Promise.resolve();

  async function send<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    if (!isOpen) throw new Error("a query came after the end of its transaction");
    mayGoOn();
    const name = prepares ? nameOf(sql) : undefined;
    try {
      const result = await client.query({ text: sql, values: parameters.map(storable), ...(name && { name }) });
      const { command, rowCount, rows } = result;
      return CHANGES.has(command) ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows };
    } catch (error) {
      throw toFault(error);
    }
  }

  const connection: DatabaseConnection = {
    executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const result = last.then(() => send<Row>(query));
      last = result.catch(() => {});
      return result;
    },
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
    },
    end() {
      isOpen = false;
    },
  };
}

/** PostgreSQL has no U+0000. Nothing that is kept holds one, so whoever looks for it must find nothing, and not fail. */
function storable(value: unknown): unknown {
  return typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
}

const CHANGES: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

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
