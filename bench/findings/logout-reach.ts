/** How long after the answer of Logout verifiers refuse, and what the feed costs. */
import { setTimeout as pause } from "node:timers/promises";
import { cpuSeconds } from "../driver/cpu-time.ts";
import { logOutAll } from "../driver/log-out-all.ts";
import { type Host, makeCredential, startHost } from "../verifiers/host.ts";
import { sharedMs } from "../verifiers/orders.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

const HOSTS = 4;
const VERIFIERS_EACH = 25;
/** Logouts a second, and how many; each is followed by one verifier of so many. */
const RATE = 500;
const LOGOUTS = 10_000;
const EVERY = 20;
/** What is not refused after this long is missed, in milliseconds. */
const PATIENCE_MS = 10_000;

/** What came of one run. */
type Reach = {
  readonly rate: number;
  readonly p99: number;
  readonly missed: number;
  readonly serverCores: number;
  readonly verifierCores: number;
};

/** The time from answer to refusal over 100 verifiers, and logouts that were missed. */
export async function findLogoutReach(world: World): Promise<Finding[]> {
  const again = () => withHosts(world, (hosts) => measure(world, hosts));
  const first = await again();
  const cost = { unit: "ratio", reach: null, aim: null, better: "less" } as const;
  return [
    {
      what: `from the answer of Logout to refusal, 99th percentile at ${RATE}/s, ${HOSTS * VERIFIERS_EACH} verifiers`,
      value: first.p99,
      unit: "ms",
      reach: 50,
      aim: null,
      better: "less",
      again: async () => (await again()).p99,
    },
    {
      what: `of ${LOGOUTS} logouts, missed`,
      value: first.missed,
      unit: "",
      reach: 0,
      aim: 0,
      better: "less",
      // What is missed is missed, whatever the machine did meanwhile.
      again: async () => first.missed,
    },
    {
      what: "logouts a second meanwhile",
      value: first.rate,
      unit: "/s",
      reach: RATE * 0.95,
      aim: RATE,
      better: "more",
      again: async () => (await again()).rate,
    },
    { ...cost, what: "cores of the server meanwhile", value: first.serverCores, again: async () => first.serverCores },
    {
      ...cost,
      what: "cores of all verifiers meanwhile",
      value: first.verifierCores,
      again: async () => first.verifierCores,
    },
  ];
}

async function withHosts<T>(world: World, work: (hosts: readonly Host[]) => Promise<T>): Promise<T> {
  const apiKey = await makeCredential(world.installation);
  const hosts: Host[] = [];
  try {
    while (hosts.length < HOSTS)
      hosts.push(await startHost(world.workshop, world.sallyport.port, apiKey, VERIFIERS_EACH));
    return await work(hosts);
  } finally {
    await Promise.all(hosts.map(({ stop }) => stop()));
  }
}

async function measure({ mint, sallyport }: World, hosts: readonly Host[]): Promise<Reach> {
  const sessions = mint.sessions(LOGOUTS);
  const tokens = sessions.map(({ accessToken }) => accessToken);
  let followed = 0;
  for (const [index, host] of hosts.entries())
    followed += await host.obey({ kind: "follow", tokens, every: EVERY, first: index * VERIFIERS_EACH });
  const pids = hosts.map(({ pid }) => pid);
  const cores = () => [cpuSeconds(sallyport.pid), pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)] as const;
  const beganAt = sharedMs();
  const before = cores();
  const answeredAt = await logOutAll(
    sallyport,
    sessions.map(({ refreshToken }) => refreshToken),
    RATE,
  );
  const seconds = (sharedMs() - beganAt) / 1000;
  const after = cores();
  const delays = await delaysOf(hosts, answeredAt, followed);
  delays.sort((a, b) => a - b);
  return {
    rate: LOGOUTS / seconds,
    p99: delays[Math.floor(delays.length * 0.99)] ?? Number.POSITIVE_INFINITY,
    missed: followed - delays.length,
    serverCores: (after[0] - before[0]) / seconds,
    verifierCores: (after[1] - before[1]) / seconds,
  };
}

/** From each answer to each refusal that belongs to it; none is waited for longer than is reasonable. */
async function delaysOf(hosts: readonly Host[], answeredAt: readonly number[], expected: number): Promise<number[]> {
  const delays: number[] = [];
  for (const until = sharedMs() + PATIENCE_MS; delays.length < expected && sharedMs() < until; await pause(50))
    for (const host of hosts)
      for (const [index, at] of await host.refusals()) delays.push(Math.max(0, at - (answeredAt[index] ?? Number.NaN)));
  return delays;
}
