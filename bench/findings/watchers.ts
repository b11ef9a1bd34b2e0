/** What ten thousand watchers of the feed cost the server, and how long news take to reach them all. */
import { setTimeout as pause } from "node:timers/promises";
import type { WatchResponse } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { cpuSeconds, residentBytes } from "../driver/cpu-time.ts";
import { logOutAll } from "../driver/log-out-all.ts";
import { makeCredential } from "../verifiers/host.ts";
import { sharedMs } from "../verifiers/orders.ts";
import { openWatchers, type RawWatchers } from "../verifiers/raw-watchers.ts";
import { makeDataFolder } from "../world/data-folder.ts";
import { createMint } from "../world/mint.ts";
import { type Served, startSallyport } from "../world/processes.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

/** As many as one instance lets watch: so many services, each with as many as one may have. */
const SERVICES = 4;
const EACH = 2_500;
const WATCHERS = SERVICES * EACH;
/** Of so many watchers, the times of one are noted. */
const EVERY = 100;
const LOGOUTS = 100;
/** A second. */
const RATE = 10;
const IDLE_MS = 5_000;
const PATIENCE_MS = 60_000;
const SETTLED_MS = 1_000;

/** Memory and CPU of a server with 10,000 watchers, idle and with logouts. The database is new: no snapshot is large. */
export async function findWatchers({ workshop, installation: usual }: World): Promise<Finding[]> {
  const folder = await makeDataFolder(workshop, "watched", { users: 1, revoked: 0 });
  const installation = { ...usual, settings: folder.settings };
  const mint = createMint(folder);
  const served = await startSallyport(installation);
  const apiKeys: string[] = [];
  for (let count = 0; count < SERVICES; count += 1) apiKeys.push(await makeCredential(installation));
  const heardAt = new Map<string, number[]>();
  const before = residentBytes(served.pid);
  const watchers = openWatchers(served.port, apiKeys, EACH, EVERY, (message) => noteEnds(message, heardAt));
  try {
    await until(() => watchers.ready() === WATCHERS);
    const idleCores = await coresDuring(served, () => pause(IDLE_MS));
    const bytes = (residentBytes(served.pid) - before) / WATCHERS;
    const sessions = mint.sessions(LOGOUTS);
    const refreshTokens = sessions.map(({ refreshToken }) => refreshToken);
    let answeredAt: readonly number[] = [];
    const busyCores = await coresDuring(served, async () => {
      answeredAt = await logOutAll(served, refreshTokens, RATE);
    });
    const ids = sessions.map(({ accessToken }) => sessionOf(accessToken));
    await until(() => ids.every((id) => heardAt.get(id)?.length === WATCHERS / EVERY));
    const delays = ids.flatMap((id, index) =>
      (heardAt.get(id) ?? []).map((at) => Math.max(0, at - (answeredAt[index] ?? Number.NaN))),
    );
    delays.sort((a, b) => a - b);
    const p99 = delays[Math.floor(delays.length * 0.99)] ?? Number.POSITIVE_INFINITY;
    // Only of some it is known when they heard of the last one.
    await pause(SETTLED_MS);
    return [
      found("each of 10,000 watchers, memory of the server", bytes, "bytes"),
      found("cores of the server with 10,000 watchers and no news", idleCores, "ratio"),
      found(`cores of the server with 10,000 watchers and ${RATE} logouts a second`, busyCores, "ratio"),
      found(`from the answer of Logout to 10,000 watchers, 99th percentile at ${RATE}/s`, p99, "ms"),
      found("of 10,000 watchers, not told of the last logout", leftBehind(watchers), ""),
    ];
  } finally {
    watchers.close();
    await served.stop();
  }
}

function found(what: string, value: number, unit: Finding["unit"]): Finding {
  const reach = unit === "" ? 0 : null;
  return { what, value, unit, reach, aim: reach, better: "less", again: async () => value };
}

function noteEnds({ event }: WatchResponse, heardAt: Map<string, number[]>): void {
  if (event.case !== "batch") return;
  const now = sharedMs();
  for (const { change } of event.value.entries) {
    if (change.case !== "sessionEnded") continue;
    const times = heardAt.get(change.value.sessionId) ?? [];
    heardAt.set(change.value.sessionId, times);
    times.push(now);
  }
}

/** Watchers that stand before the newest revision that any stands at. */
function leftBehind(watchers: RawWatchers): number {
  const through = watchers
    .lastBatches()
    .map((message) => (message?.event.case === "batch" ? Number(message.event.value.through?.number) : 0));
  const newest = through.reduce((most, number) => Math.max(most, number), 0);
  return through.filter((number) => number < newest).length;
}

async function coresDuring({ pid }: Served, work: () => Promise<unknown>): Promise<number> {
  const [before, beganAt] = [cpuSeconds(pid), sharedMs()];
  await work();
  return (cpuSeconds(pid) - before) / ((sharedMs() - beganAt) / 1000);
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = sharedMs() + PATIENCE_MS; !holds(); await pause(50))
    if (sharedMs() > end) throw new Error("watchers were not told in time");
}

function sessionOf(accessToken: string): string {
  return String(JSON.parse(Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString()).sid);
}
