/** The statements that begin and end transactions and their members, prepared once: to parse them takes longer than to run them. */
import type { Connection } from "./connection.ts";

/** Runs them on one connection. Each throws what SQLite says. */
export type Control = {
  readonly begin: () => void;
  /** Takes the write lock at once. */
  readonly beginImmediate: () => void;
  readonly commit: () => void;
  readonly rollback: () => void;
  /** From here on, what a member of a group does can be undone alone. */
  readonly beginMember: () => void;
  readonly undoMember: () => void;
  readonly endMember: () => void;
};

/** The {@link Control} of a connection. */
export function createControl(connection: Connection): Control {
  function prepared(text: string): () => void {
    const statement = connection.prepare(text);
    return () => void statement.run();
  }

  return {
    begin: prepared("begin"),
    beginImmediate: prepared("begin immediate"),
    commit: prepared("commit"),
    rollback: prepared("rollback"),
    beginMember: prepared("savepoint member"),
    undoMember: prepared("rollback to member"),
    endMember: prepared("release member"),
  };
}
