/** A real PostgreSQL for tests: one server for each process that runs tests, a schema of its own for each database. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Client } from "pg";

const PROGRAM = fileURLToPath(new URL("postgres-program.ts", import.meta.url));

/** A server that can be killed and started again; it ends with this process at the latest. */
export type TestServer = {
  readonly url: string;
  readonly kill: () => Promise<void>;
  /** The same by SIGKILL, of which nobody is told. */
  readonly crash: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** Has it follow another server, and take no writes, until `select pg_promote()`. */
  readonly demote: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

/** A place for one database. */
export type TestPlace = {
  /** Leads to an empty schema, which nobody else uses. */
  readonly url: string;
  /** Runs statements beside the store, with everything allowed; the rows of the last. */
  readonly ask: (statements: string) => Promise<readonly Record<string, unknown>[]>;
  readonly remove: () => Promise<void>;
};

/**
 * Starts a server that nobody else uses, `isDurable` or as fast as it can be.
 * @throws Error that says how to get one if there is none.
 */
export async function startPostgres({ isDurable = false } = {}): Promise<TestServer> {
  const child = spawn(process.execPath, [PROGRAM, ...(isDurable ? ["durable"] : [])], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = text(child.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: url } = await lines.next();
  if (typeof url !== "string") throw new Error(await said);
  letGo(child);
  const order = (command: string) => async () => {
    child.stdin?.write(`${command}\n`);
    const { done } = await lines.next();
    if (done) throw new Error(`the program that keeps PostgreSQL has ended: ${await said}`);
  };
  const remove = async () => {
    child.ref();
    child.stdin?.end();
    await once(child, "exit");
  };
  return { url, kill: order("kill"), crash: order("crash"), start: order("start"), demote: order("demote"), remove };
}

/** Nobody need wait for it: it ends when it is left. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    if (stream !== null && "unref" in stream && typeof stream.unref === "function") stream.unref();
  }
}

let shared: Promise<string> | null = null;

/** The server that all tests of this process share: the one that the environment names, or one of its own. */
export function sharedPostgres(): Promise<string> {
  shared ??= Promise.resolve(process.env.SALLYPORT_TEST_DATABASE_URL || startPostgres().then(({ url }) => url));
  return shared;
}

/** Makes a place for a database on the shared server, or on the one at `server`. */
export async function makePlace(server?: string): Promise<TestPlace> {
  const url = new URL(server ?? (await sharedPostgres()));
  const schema = `test_${randomBytes(8).toString("hex")}`;
  await askAt(url.href, `create schema ${schema}`);
  url.searchParams.set("options", `-c search_path=${schema}`);
  return {
    url: url.href,
    ask: (statements) => askAt(url.href, statements),
    async remove() {
      await askAt(url.href, `drop schema ${schema} cascade`);
    },
  };
}

/** Runs statements on a connection of their own; the rows of the last. */
export async function askAt(url: string, statements: string): Promise<readonly Record<string, unknown>[]> {
  const { options, ...address } = connectionOf(url);
  const client = new Client({ ...address, ...(options !== null && { options }) });
  client.on("error", () => {});
  await client.connect();
  try {
    const results: unknown = await client.query(statements);
    const last: unknown = Array.isArray(results) ? results.at(-1) : results;
    return hasRows(last) ? last.rows : [];
  } finally {
    await client.end();
  }
}

function hasRows(result: unknown): result is { readonly rows: readonly Record<string, unknown>[] } {
  return typeof result === "object" && result !== null && "rows" in result;
}

function connectionOf(text: string) {
  const url = new URL(text);
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    options: url.searchParams.get("options"),
  };
}
