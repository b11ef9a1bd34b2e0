/** What a second worker is worth: one process against two on the same database. */
import { childrenOf, cpuSeconds } from "../driver/cpu-time.ts";
import type { Sample, Window } from "../driver/job.ts";
import type { Schedule } from "../rounds.ts";
import { medianOf, perCpuSecond, perSecond, ratioOf } from "../statistics.ts";
import { type Served, startSallyport } from "../world/processes.ts";
import { authorizeQuestion } from "../world/questions.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

const TOKENS = 64;
const WORKERS = 2;
const WARM_MS = 6_000;

/** A window, and how much of the server's CPU time its busiest process took. */
type Measured = { readonly sample: Sample; readonly busiest: number };

type Comparison = { readonly perCpu: number; readonly capacity: number; readonly clock: number };

/** Checks by two workers, beside those by one process. */
export async function findWorkers(world: World, schedule: Schedule): Promise<Finding[]> {
  const first = await compare(world, schedule);
  const again = (value: (comparison: Comparison) => number) => async () => value(await compare(world, schedule));
  return [
    {
      what: "check by two workers / by one, for a second of CPU of all processes",
      value: first.perCpu,
      unit: "ratio",
      reach: 0.9,
      aim: 1,
      better: "more",
      again: again(({ perCpu }) => perCpu),
    },
    {
      what: "check by two workers on two cores of their own / by one on one core",
      value: first.capacity,
      unit: "ratio",
      reach: 1.6,
      aim: WORKERS,
      better: "more",
      again: again(({ capacity }) => capacity),
    },
    {
      what: "check by two workers / by one, on the clock, driver and all on the cores of this machine",
      value: first.clock,
      unit: "ratio",
      reach: null,
      aim: null,
      better: "more",
      again: again(({ clock }) => clock),
    },
  ];
}

/** Both servers are new, and have the same folder. */
async function compare(world: World, { rounds, window }: Schedule): Promise<Comparison> {
  const { installation } = world;
  const settings = { ...installation.settings, SALLYPORT_WORKERS: String(WORKERS) };
  const one = await startSallyport(installation);
  const two = await startSallyport({ ...installation, settings });
  const ofOne: Measured[] = [];
  const ofTwo: Measured[] = [];
  try {
    // Until code is compiled, each process must have made as many calls.
    await measure(world, one, { ...window, measureMs: WARM_MS });
    await measure(world, two, { ...window, measureMs: WARM_MS * WORKERS });
    for (let round = 0; round < rounds; round += 1) {
      ofOne.push(await measure(world, one, window));
      ofTwo.push(await measure(world, two, window));
    }
  } finally {
    await Promise.all([one.stop(), two.stop()]);
  }
  const [samplesOfOne, samplesOfTwo] = [ofOne, ofTwo].map((all) => all.map(({ sample }) => sample));
  return {
    perCpu: ratioOf(samplesOfTwo ?? [], samplesOfOne ?? []),
    capacity: medianOf(ofTwo.map((measured, round) => capacityOf(measured, WORKERS) / capacityIn(ofOne, round))),
    clock: medianOf(ofTwo.map(({ sample }, round) => perSecond(sample) / rateIn(ofOne, round))),
  };
}

async function measure({ driver, mint }: World, served: Served, window: Window): Promise<Measured> {
  const pids = [served.pid, ...childrenOf(served.pid)];
  const before = pids.map(cpuSeconds);
  const sample = await driver.measure(served, authorizeQuestion("grpc", mint.accessTokens(TOKENS)), window);
  const spent = pids.map((pid, index) => cpuSeconds(pid) - (before[index] ?? 0));
  return { sample, busiest: Math.max(...spent) / spent.reduce((sum, seconds) => sum + seconds, 0) };
}

/**
 * Calls a second with that many cores and nobody else on them: until the busiest process
 * has used up one core, or all of them together have used up all cores.
 */
function capacityOf({ sample, busiest }: Measured, cores: number): number {
  return perCpuSecond(sample) / Math.max(busiest, 1 / cores);
}

function capacityIn(measured: readonly Measured[], round: number): number {
  const found = measured[round];
  return found === undefined ? Number.NaN : capacityOf(found, 1);
}

function rateIn(measured: readonly Measured[], round: number): number {
  const found = measured[round];
  return found === undefined ? Number.NaN : perSecond(found.sample);
}
