/**
 * A server under abuse, in a process of its own, and well-behaved clients that are served meanwhile. Beside it runs
 * another that nobody abuses, and the same clients call it at the same time: what the abuser itself takes of the machine,
 * and whatever else runs there, slows both, and only what the abused server makes of it makes a difference.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { temporaryFolder } from "./app.ts";
import { workOn } from "./folder.ts";
import { scrape } from "./metrics.ts";
import { startServerProcess } from "./server-process.ts";
import { childrenOf } from "./worker-processes.ts";

/** A server that is about to be abused. */
export type AbusedServer = {
  readonly url: string;
  readonly port: number;
  /** Well-behaved clients of this server, and of the one beside it, in the same order. */
  readonly clients: readonly Client[];
  readonly elsewhere: readonly Client[];
  /** The value of a metric, now. */
  readonly metric: (series: string) => Promise<number>;
  /** Ends the process as an operator would, and takes its folder away; its exit code, and what it wrote but for its log. */
  readonly stop: () => Promise<{ readonly code: number | null; readonly noise: string }>;
};

/** Calls once; rejects if the answer is not the right one, or does not come in time. */
type Client = () => Promise<void>;

/** So little that whoever holds on to what abuse leaves behind runs out of it, and dies. */
const HEAP_MEGABYTES = 96;
/** Node makes this one small too where the heap is small, and then does little but collect. */
const YOUNG_MEGABYTES = 16;
const MEGABYTE = 1024 * 1024;
/** How long a well-behaved client waits for any answer. */
const DEADLINE_MS = 5_000;
/** Calls after which memory has its working size, and code is compiled. */
const WARM_UP_CALLS = 300;

/** Calls that a client makes before it is asked how it is served. */
const SETTLING_CALLS = 10;

/** Starts both, and lets them warm up, so that what memory grows by afterwards is the abuser's doing. */
export async function startAbusedServer(settings: Readonly<Record<string, string>> = {}): Promise<AbusedServer> {
  const [server, other] = await Promise.all([startWarm(settings), startWarm(settings)]);
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    clients: server.clients,
    elsewhere: other.clients,
    metric: async (series) => (await scrape(`${server.url}/metrics`)).value(series),
    async stop() {
      const [stopped] = await Promise.all([server.stop(), other.stop()]);
      return stopped;
    },
  };
}

async function startWarm(settings: Readonly<Record<string, string>>) {
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
    clients,
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
  /** How many times fewer answers than elsewhere the well-behaved clients had at the same time; of the one worst off. */
  readonly slowedBy: number;
  /** By how much the server's memory grew at most, in megabytes. */
  readonly grownMegabytes: number;
};

/** What is still ordinary speed: on a machine that has other things to do, two servers are never quite equally fast. */
export const ORDINARY = 3;
/** What is slow, but nobody starves. */
const BUSY = 20;

/**
 * What to expect where all that is sent has to be read, since nothing of it is forbidden: ordinary speed. Where the machine
 * has more to do than it has cores, the abused server gets to that reading late, and what can be told is that nobody starves.
 */
export function ordinaryIfQuiet(): number {
  const [load = 0] = loadavg();
  return load < availableParallelism() && isOnlyTester() ? ORDINARY : BUSY;
}

/** Whether no other process runs tests beside this one, by the same command: of that the load tells a minute late. */
function isOnlyTester(): boolean {
  if (process.platform !== "linux") return true;
  const own = commandOf(process.pid);
  return childrenOf(process.ppid).filter((pid) => commandOf(pid) === own).length === 1;
}

/** Empty if the process has ended. */
function commandOf(pid: number): string {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/**
 * Takes a second look if by the first others were slowed by more than `bound`: what slows them each time is the abuse, and
 * what does so once is a machine that let one of the two servers stand still. The last, with the most memory of both.
 */
export async function atBest<T>(bound: number, look: () => Promise<Experience<T>>): Promise<Experience<T>> {
  const first = await look();
  if (first.slowedBy < bound) return first;
  const second = await look();
  return { ...second, grownMegabytes: Math.max(first.grownMegabytes, second.grownMegabytes) };
}

/** How long to look, in milliseconds: over less than that the fate of a single call would be all that is told. */
const LOOK_MS = 600;

/**
 * Runs `abuse`, and meanwhile calls again and again, here and elsewhere: over gRPC on a connection that stays, in
 * Connect JSON on a new one each time. Goes on for `leastMs`
 * at least. Rejects if any of the answers fails to come in time.
 */
export async function whileServing<T>(
  server: AbusedServer,
  abuse: () => Promise<T>,
  leastMs = LOOK_MS,
): Promise<Experience<T>> {
  const memory = () => server.metric("process_resident_memory_bytes");
  const { clients, elsewhere } = server;
  // By then what was done to the server before is dealt with: each of these has its turn among what is left of it.
  for (let call = 0; call < SETTLING_CALLS; call += 1)
    await Promise.all([...clients, ...elsewhere].map((each) => each()));
  const bytes = await memory();
  let most = bytes;
  const look = async () => {
    most = Math.max(most, await memory());
  };
  const { outcome, rates } = await serve([...clients, ...elsewhere, look], async () => {
    const [outcome] = await Promise.all([abuse(), pause(leastMs)]);
    return outcome;
  });
  await look();
  const slowedBy = Math.max(...clients.map((_, index) => (rates[clients.length + index] ?? 0) / (rates[index] ?? 0)));
  return { outcome, slowedBy, grownMegabytes: (most - bytes) / MEGABYTE };
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
