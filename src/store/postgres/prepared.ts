/**
 * Statements that a connection keeps prepared, executed again. The driver has the server describe the rows of each anew;
 * but those of a prepared statement stay what they are (else the server refuses it), so that they are described once.
 */
import type { FieldDef } from "pg";
import { parserOf } from "./client.ts";

/** A statement that was executed once on its connection. */
export type PreparedStatement = {
  readonly text: string;
  readonly name: string;
  /** Whether it takes locks, and may have to wait for whoever holds them. */
  readonly mayWait: boolean;
  /** A row out of what the server tells of its columns; `null` is NULL. */
  readonly toRow: (columns: readonly (string | null)[]) => Record<string, unknown>;
};

/** A prepared statement, and the values that it is to be executed with. */
export type Execution = { readonly statement: PreparedStatement; readonly values: readonly (string | null)[] };

/** Of statements: whatever changes rows, or locks those that it reads. */
const LOCKS = /^(?!select\b|begin\b|commit\b)|\bfor (update|share|no key update|key share)\b/;

/** A {@link PreparedStatement} whose rows have these columns. */
export function toPrepared(text: string, name: string, fields: readonly FieldDef[]): PreparedStatement {
  const columns = fields.map((field) => ({ name: field.name, parse: parserOf(field.dataTypeID) }));
  const blank = Object.fromEntries(columns.map((column) => [column.name, null]));
  return {
    text,
    name,
    mayWait: LOCKS.test(text),
    toRow(values) {
      const row: Record<string, unknown> = { ...blank };
      let index = 0;
      for (const column of columns) {
        const text = values[index++] ?? null;
        if (text !== null) row[column.name] = column.parse(text);
      }
      return row;
    },
  };
}

/** As the server reads it; of what our queries are asked with. */
export function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  throw new Error(`a ${typeof value} is no value of a query`);
}

/** Most bytes of a UTF-16 code unit in UTF-8. */
const WIDEST = 3;
/** Bytes of a `Bind` and an `Execute` without names and values, with some to spare. */
const FRAME = 40;
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);
/** `Execute` of the unnamed portal, for all rows. */
const EXECUTE = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);

/**
 * `Bind` and `Execute` of each, in the format of text both ways, and one `Sync`: if one fails, the server leaves out the
 * rest (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 */
export function toMessages(executions: readonly Execution[]): Buffer {
  const buffer = Buffer.allocUnsafe(executions.reduce((sum, one) => sum + mostBytesOf(one), SYNC.length));
  let at = 0;
  for (const one of executions) {
    at = writeBind(buffer, at, one);
    at += EXECUTE.copy(buffer, at);
  }
  at += SYNC.copy(buffer, at);
  return buffer.subarray(0, at);
}

function mostBytesOf({ statement, values }: Execution): number {
  let sum = FRAME + statement.name.length;
  for (const value of values) sum += 4 + (value === null ? 0 : value.length * WIDEST);
  return sum;
}

/** Where it ends. */
function writeBind(buffer: Buffer, start: number, { statement, values }: Execution): number {
  buffer[start] = 0x42;
  // The unnamed portal.
  let at = start + 5;
  buffer[at++] = 0;
  at += buffer.write(statement.name, at, "latin1");
  buffer[at++] = 0;
  // No formats: all is text.
  at = buffer.writeInt16BE(0, at);
  at = buffer.writeInt16BE(values.length, at);
  for (const value of values) {
    const length = value === null ? -1 : buffer.write(value, at + 4);
    at = buffer.writeInt32BE(length, at) + Math.max(0, length);
  }
  at = buffer.writeInt16BE(0, at);
  buffer.writeInt32BE(at - start - 1, start + 1);
  return at;
}
