/** How every connection is made: with time-outs on both ends, and only to a server that takes writes. */
import { type ClientBase, type ClientConfig, types } from "pg";
import type { Address } from "./address.ts";
import { unavailable } from "./fault.ts";

/** What is waited for, in milliseconds. */
export type Timeouts = {
  /** For a connection: to be made, or to become free. */
  readonly connectMs: number;
  /** For a statement, by the server. */
  readonly statementMs: number;
  /** For a lock, by the server. */
  readonly lockMs: number;
  /** For the next statement of a transaction, by the server: ours await nothing else. */
  readonly idleInTransactionMs: number;
  /**
   * For the answer to a statement, here: longer than the server takes to give up, if it is there at all. For several
   * that were sent together, so much for each that may wait for a lock.
   */
  readonly answerMs: number;
};

/** A network that swallowed a statement is noticed, and the log read by another connection, before knowledge is stale. */
export const TIMEOUTS: Timeouts = {
  connectMs: 3_000,
  statementMs: 4_000,
  lockMs: 3_000,
  idleInTransactionMs: 10_000,
  answerMs: 5_000,
};

/** `bigint`; what we store in it fits a number. */
const INT8 = types.builtins.INT8;

/** How a value of this type is read, which the server tells as text. */
export function parserOf(type: number): (text: string) => unknown {
  return type === INT8 ? Number : types.getTypeParser(type, "text");
}

/** Settings of a connection to `address`. */
export function clientConfig(address: Address, timeouts: Timeouts): ClientConfig {
  const { host, port, database, user, password, tls, options } = address;
  return {
    host,
    port,
    database,
    user,
    // A function, so that nobody who prints a client prints it; and so that no password file is asked.
    password: () => password,
    ssl: tls,
    // Never empty: the driver would take it from the environment.
    options: `-c client_min_messages=error ${options}`.trimEnd(),
    sslnegotiation: "postgres",
    application_name: "sallyport",
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: timeouts.connectMs,
    statement_timeout: timeouts.statementMs,
    lock_timeout: timeouts.lockMs,
    idle_in_transaction_session_timeout: timeouts.idleInTransactionMs,
    query_timeout: timeouts.answerMs,
    types: {
      // All is told as text: nobody here asks for anything else.
      getTypeParser: parserOf,
    },
  };
}

/** A server that follows another: what it holds may be old, and it takes no writes. */
const IS_STANDBY = "pg_is_in_recovery() as standby";
/** An acknowledged write is on disk, whatever the server is set to for others. */
const IS_DURABLE =
  "case current_setting('synchronous_commit') when 'off' then set_config('synchronous_commit', 'on', false) end";

/** Refuses a server that is no primary, and makes commits durable. @throws Refusal UNAVAILABLE. */
export async function makeTrustworthy(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>(`select ${IS_STANDBY}, ${IS_DURABLE}`);
  if (rows[0]?.standby !== false) throw unavailable(new Error("the server follows another, and takes no writes"));
}
