/**
 * Should durable writes be made in a thread of their own? `node bench/studies/writer-thread.ts` compares: CPU time for a
 * write, writes for a second, and how long the event loop, which answers `Authorize`, stands still. What came of it is in
 * docs/decisions/0019.
 */
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { openWriter, SESSIONS, temporaryDatabase, type Write } from "./write-groups.ts";

const ROUNDS = 5;
const ROUND_MS = 1500;
const SIZES = [1, 4, 16, 64];
const MS = 1e6;

type WriteGroup = (group: readonly Write[]) => boolean[] | Promise<boolean[]>;

const worker = new Worker(fileURLToPath(new URL("write-groups.ts", import.meta.url)), {
  workerData: temporaryDatabase(),
});
const writers: Readonly<Record<string, WriteGroup>> = {
  "main thread": openWriter(temporaryDatabase()),
  async "writer thread"(group) {
    const answer = once(worker, "message");
    worker.postMessage(group);
    const [kept] = await answer;
    return kept;
  },
};

let generation = 1;

/** Groups one after the other, with a turn of the event loop between them, as the server writes them. */
async function round(write: WriteGroup, size: number) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const beganAt = performance.now();
  const cpu = process.cpuUsage();
  let writes = 0;
  delay.enable();
  while (performance.now() - beganAt < ROUND_MS) {
    await new Promise(setImmediate);
    generation += 1;
    const first = writes % SESSIONS;
    const group = Array.from({ length: size }, (_, index) => ({
      id: `ses_${(first + index) % SESSIONS}`,
      generation,
      now: Date.now(),
    }));
    const kept = await write(group);
    if (!kept.every(Boolean)) throw new Error("a session did not move on");
    writes += size;
  }
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - beganAt) / 1000;
  // The monitor counts its own millisecond, too.
  return {
    "CPU µs per write": (user + system) / writes,
    "writes per second": writes / seconds,
    "standstill p50 ms": delay.percentile(50) / MS - 1,
    "standstill p99 ms": delay.percentile(99) / MS - 1,
    "standstill max ms": delay.max / MS - 1,
  };
}

for (const size of SIZES) {
  const rows: Record<string, Record<string, string>> = {};
  const samples: Record<string, Record<string, number>[]> = {};
  for (let count = 0; count < ROUNDS; count += 1) {
    for (const [name, write] of Object.entries(writers)) {
      samples[name] ??= [];
      samples[name].push(await round(write, size));
    }
  }
  for (const [name, all] of Object.entries(samples)) {
    const columns = Object.keys(all[0] ?? {});
    rows[name] = Object.fromEntries(columns.map((column) => [column, medianOf(all.map((one) => one[column] ?? 0))]));
  }
  process.stdout.write(`groups of ${size}\n`);
  for (const [name, row] of Object.entries(rows)) {
    process.stdout.write(
      `  ${name.padEnd(14)} ${Object.entries(row)
        .map(([column, value]) => `${column} ${value}`)
        .join(", ")}\n`,
    );
  }
}
await worker.terminate();

function medianOf(values: readonly number[]): string {
  const sorted = [...values].sort((one, other) => one - other);
  return (sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(2);
}
