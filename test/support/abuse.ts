/** A server under abuse, in a process of its own, and well-behaved clients that are served meanwhile. */
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { temporaryFolder } from "./app.ts";
import { workOn } from "./folder.ts";
import { scrape } from "./metrics.ts";
import { startServerProcess } from "./server-process.ts";

/** A server that is about to be abused. */
export type AbusedServer = {
  readonly url: string;
  readonly port: number;
  /** What each of the well-behaved clients has had while nothing else went on, in answers by the millisecond. */
  readonly ordinary: number[];
  /** The value of a metric, now. */
  readonly metric: (series: string) => Promise<number>;
  /** Ends the process as an operator would, and takes its folder away; its exit code, and what it wrote but for its log. */
  readonly stop: () => Promise<{ readonly code: number | null; readonly noise: string }>;
};

/** So little that whoever holds on to what abuse leaves behind runs out of it, and dies. */
const HEAP_MEGABYTES = 96;
/** Node makes this one small too where the heap is small, and then does little but collect. */
const YOUNG_MEGABYTES = 16;
const MEGABYTE = 1024 * 1024;
/** How long a well-behaved client waits for any answer. */
const DEADLINE_MS = 5_000;
/** Calls after which memory has its working size, and code is compiled. */
const WARM_UP_CALLS = 300;

/** Starts a server, and lets it warm up, so that what its memory grows by afterwards is the abuser's doing. */
export async function startAbusedServer(settings: Readonly<Record<string, string>> = {}): Promise<AbusedServer> {
  const folder = temporaryFolder();
  // That it had to make a database the server would say.
  await workOn(folder, async () => {});
  const server = await startServerProcess({
    SALLYPORT_DATA_DIR: folder,
    SALLYPORT_METRICS: "on",
    SALLYPORT_LOG_LEVEL: "warn",
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES} --max-semi-space-size=${YOUNG_MEGABYTES}`,
    ...settings,
  });
  const clients = wellBehaved(server.url);
  const rounds = Array.from({ length: WARM_UP_CALLS / clients.length });
  await Promise.all(
    clients.map(async (call) => {
      for (const _ of rounds) await call();
    }),
  );
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    ordinary: [],
    metric: async (series) => (await scrape(`${server.url}/metrics`)).value(series),
    async stop() {
      const { code } = await server.end("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
      return { code, noise: server.output().stderr };
    },
  };
}

/** What it was like while the abuse went on. */
export type Experience<T> = {
  readonly outcome: T;
  /** How many times fewer answers a second the well-behaved clients had than before it; of the one worst off. */
  readonly slowedBy: number;
  /** By how much the server's memory grew at most, in megabytes. */
  readonly grownMegabytes: number;
};

/** Of abuse that goes on, what is still ordinary speed: this machine may have other things to do, but nobody starves. */
export const ORDINARY = 10;
/** Of abuse in bursts: each is read to its end before its sender is cut off, and holds everybody up for that long. */
export const IN_BURSTS = 100;
/** For how long the well-behaved clients are left alone before the abuse, in milliseconds. */
const UNDISTURBED_MS = 150;

/**
 * Runs `abuse`, and meanwhile calls again and again: over gRPC on a connection that stays, in
 * Connect JSON on a new one each time. Rejects if any of the answers fails to come in time.
 */
export async function whileServing<T>(server: AbusedServer, abuse: () => Promise<T>): Promise<Experience<T>> {
  const memory = () => server.metric("process_resident_memory_bytes");
  const clients = wellBehaved(server.url);
  const { rates } = await serve(clients, () => pause(UNDISTURBED_MS));
  // Or before that: what came before this abuse may have been one, and its end still keep the server busy.
  const ordinary = rates.map((rate, index) => Math.max(rate, server.ordinary[index] ?? 0));
  server.ordinary.splice(0, Infinity, ...ordinary);
  const bytes = await memory();
  let most = bytes;
  const look = async () => {
    most = Math.max(most, await memory());
  };
  const abused = await serve([...clients, look], abuse);
  await look();
  const slowedBy = Math.max(...ordinary.map((rate, index) => rate / (abused.rates[index] ?? 0)));
  return { outcome: abused.outcome, slowedBy, grownMegabytes: (most - bytes) / MEGABYTE };
}

/** Has every client call again and again until `work` is done; the answers of each, by the millisecond. */
async function serve<T>(clients: readonly (() => Promise<void>)[], work: () => Promise<T>) {
  const done = new AbortController();
  const served = Promise.all(clients.map((call) => again(call, done.signal)));
  try {
    const outcome = await Promise.race([work(), served.then(() => Promise.reject(new Error("served to the end")))]);
    done.abort();
    return { outcome, rates: await served };
  } finally {
    done.abort();
  }
}

async function again(call: () => Promise<void>, done: AbortSignal): Promise<number> {
  const start = performance.now();
  for (let answers = 1; ; answers += 1) {
    await call();
    if (done.aborted) return answers / (performance.now() - start);
    await pause(10);
  }
}

function wellBehaved(baseUrl: string): (() => Promise<void>)[] {
  const transports: Transport[] = [
    createGrpcTransport({ baseUrl }),
    createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent: false } }),
  ];
  return transports.map((transport) => {
    const { authorize } = createClient(AuthService, transport);
    return async () => {
      const { decision } = await authorize({ accessToken: "not a token" }, { timeoutMs: DEADLINE_MS });
      if (decision.case !== "denied") throw new Error(`answered with ${decision.case}`);
    };
  });
}
