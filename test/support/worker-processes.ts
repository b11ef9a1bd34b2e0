/** A service of several processes, and ways to speak to each of them. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { vi } from "vitest";
import { temporaryFolder } from "./app.ts";
import { type Clients, clientsOf } from "./clients.ts";
import { makePlace } from "./postgres.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import type { Engine } from "./two-apps.ts";

/** A service with two workers on a database of its own. */
export type Workers = {
  readonly server: ServerProcess;
  readonly settings: Readonly<Record<string, string>>;
  /** Ends it, if it runs, and removes its database. */
  readonly remove: () => Promise<void>;
};

/** Starts a service with two workers. */
export async function startWorkers(
  engine: Engine = "SQLite",
  more: Readonly<Record<string, string>> = {},
): Promise<Workers> {
  const folder = temporaryFolder();
  const place = engine === "PostgreSQL" ? await makePlace() : null;
  const onPostgres = place !== null && {
    SALLYPORT_DATABASE_URL: place.url,
    SALLYPORT_DATABASE_CONNECTIONS: "5",
    SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
  };
  const settings = { SALLYPORT_WORKERS: "2", SALLYPORT_DATA_DIR: folder, ...onPostgres, ...more };
  const server = await startServerProcess(settings);
  return {
    server,
    settings,
    async remove() {
      if (server.process.exitCode === null && server.process.signalCode === null) await server.end("SIGTERM");
      await place?.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A connection of its own, kept open, so that one worker answers whatever is asked on it. */
export type Line = {
  readonly transport: Transport;
  /** Clients over this connection, with the access token given. */
  readonly clients: (accessToken?: string) => Clients;
  /** The worker that has the connection. */
  readonly worker: number;
  readonly close: () => void;
};

/** Opens a connection, and finds out by the log who has it. */
export async function openLine(server: ServerProcess): Promise<Line> {
  const sessionManager = new Http2SessionManager(server.url);
  const clients = (accessToken = "") =>
    clientsOf(server.url, accessToken, (options) => createGrpcTransport({ ...options, sessionManager }));
  let id = "";
  const onHeader = (headers: Headers) => {
    id = headers.get("x-request-id") ?? "";
  };
  await clients().auth.authorize({ accessToken: "none" }, { onHeader });
  const worker = await vi.waitFor(() => workerOf(server, id), { timeout: 15_000, interval: 20 });
  const transport = createGrpcTransport({ baseUrl: server.url, sessionManager });
  return { transport, clients, worker, close: () => sessionManager.abort() };
}

function workerOf(server: ServerProcess, id: string): number {
  const line = linesOf(server).find((candidate) => candidate.event === "request" && candidate.id === id);
  if (line === undefined) throw new Error(`no worker has logged ${id}`);
  return Number(line.worker);
}

/** The status of an answer that comes by a connection of its own. */
export async function askAnew(url: string): Promise<number | undefined> {
  const call = get(url, { agent: false, headers: { connection: "close" } });
  const [answer]: IncomingMessage[] = await once(call, "response");
  answer?.resume();
  return answer?.statusCode;
}

/** What a service has logged, a JSON object each. */
export function linesOf(server: ServerProcess): readonly Record<string, unknown>[] {
  const lines = server.output().stderr.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** The processes that a process has started, and that still run. */
export function childrenOf(pid: number | undefined): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** Whether there is such a process, and it has not ended: one that nobody has asked for its end still has a number. */
export function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  } catch {
    return false;
  }
}
