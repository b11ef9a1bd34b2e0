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
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import type { Connection } from "./connection.ts";

/** A dialect on `connection`, which it neither opens nor closes. */
export function sqliteDialect(connection: Connection): Dialect {
  return {
    createAdapter: () => new TransactionalDdlAdapter(),
    createDriver: () => driverOn(connection),
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

function driverOn(connection: Connection): Driver {
  const single = createCachingConnection(connection);
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
