/**
 * Kysely over one better-sqlite3 connection that somebody else owns. Keeps
 * prepared statements: preparing takes fifteen times as long as running.
 * Transactions are not Kysely's here; see group-commit.ts.
 */
import type { Statement } from "better-sqlite3";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { setShortcut } from "../compile-once.ts";
import type { Schema } from "../schema.ts";
import type { Connection } from "./connection.ts";

/** Queries on `connection`, which they neither open nor close. */
export function queriesOn(connection: Connection): Kysely<Schema> {
  return queriesBy(connection, createCachingConnection(connection));
}

/**
 * The same for what must be inside of a transaction. Where a statement fails badly, as on a disk that is full, SQLite ends
 * the whole of it, and what was asked for at the same time would be kept by itself.
 */
export function queriesInTransactionOn(connection: Connection): Kysely<Schema> {
  const single = createCachingConnection(connection);
  return queriesBy(connection, {
    ...single,
    async executeQuery<Row>(query: CompiledQuery) {
      if (!connection.inTransaction) throw new Error("the transaction is over, and nothing of it is kept");
      return single.executeQuery<Row>(query);
    },
  });
}

function queriesBy(connection: Connection, single: DatabaseConnection): Kysely<Schema> {
  const db = new Kysely<Schema>({ dialect: sqliteDialect(connection, single) });
  setShortcut(db, single);
  return db;
}

function sqliteDialect(connection: Connection, single: DatabaseConnection): Dialect {
  return {
    createAdapter: () => new TransactionalDdlAdapter(),
    createDriver: () => driverOn(connection, single),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** SQLite can undo a change of schema; Kysely's adapter does not use that, and two starts at once would collide. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function driverOn(connection: Connection, single: DatabaseConnection): Driver {
  return {
    init: async () => {},
    acquireConnection: async () => single,
    beginTransaction: async () => void connection.exec("begin immediate"),
    commitTransaction: async () => void connection.exec("commit"),
    rollbackTransaction: async () => void connection.exec("rollback"),
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

function createCachingConnection(connection: Connection): DatabaseConnection {
  const statements = new Map<string, Statement>();

  function prepared(text: string): Statement {
    const kept = statements.get(text);
    if (kept !== undefined) return kept;
    const statement = connection.prepare(text);
    statements.set(text, statement);
    return statement;
  }

  return {
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      const statement = prepared(sql);
      if (statement.reader) return { rows: statement.all(...parameters) as Row[] };
      const { changes, lastInsertRowid } = statement.run(...parameters);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    },
    streamQuery(): never {
      throw new Error("streaming is not supported on SQLite");
    },
  };
}
