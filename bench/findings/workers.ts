/** What a second worker is worth: one process against two on the same database. */
import { childrenOf, cpuSeconds } from "../driver/cpu-time.ts";
import type { Sample, Window } from "../driver/job.ts";
import type { Schedule, WarmUp } from "../rounds.ts";
import { meanRatio, perCpuSecond, perSecond } from "../statistics.ts";
import type { Served } from "../world/processes.ts";
import { authorizeQuestion } from "../world/questions.ts";
import type { World } from "../world/world.ts";
import { measureAnew } from "./anew.ts";
import type { Finding } from "./finding.ts";

const TOKENS = 64;
const WORKERS = 2;

/** A window, and how much of the server's CPU time its busiest process took. */
type Measured = Sample & { readonly busiest: number };

type Comparison = { readonly perCpu: number; readonly capacity: number; readonly clock: number };

/** Checks by two workers, beside those by one process. */
export async function findWorkers(world: World, schedule: Schedule, warmUp: WarmUp): Promise<Finding[]> {
  const compareThem = () => compare(world, schedule, warmUp);
  const first = await compareThem();
  const again = (value: (comparison: Comparison) => number) => async () => value(await compareThem());
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

async function compare(world: World, schedule: Schedule, warmUp: WarmUp): Promise<Comparison> {
  const { installation } = world;
  const settings = { ...installation.settings, SALLYPORT_WORKERS: String(WORKERS) };
  const measure = (served: Served, window: Window) => measureOf(world, served, window);
  // Until code is compiled, each process must have made as many calls.
  const longer = { ...warmUp, calls: warmUp.calls * WORKERS, patienceMs: warmUp.patienceMs * WORKERS };
  const two = { installation: { ...installation, settings }, measure, warmUp: longer };
  const rounds = await measureAnew(two, { installation, measure, warmUp }, schedule);
  return {
    perCpu: meanRatio(rounds.map(({ upper, lower }) => perCpuSecond(upper) / perCpuSecond(lower))),
    capacity: meanRatio(rounds.map(({ upper, lower }) => capacityOf(upper, WORKERS) / capacityOf(lower, 1))),
    clock: meanRatio(rounds.map(({ upper, lower }) => perSecond(upper) / perSecond(lower))),
  };
}

async function measureOf({ driver, mint }: World, served: Served, window: Window): Promise<Measured> {
  const pids = [served.pid, ...childrenOf(served.pid)];
  const before = pids.map(cpuSeconds);
  const sample = await driver.measure(served, authorizeQuestion("grpc", mint.accessTokens(TOKENS)), window);
  const spent = pids.map((pid, index) => cpuSeconds(pid) - (before[index] ?? 0));
  return { ...sample, busiest: Math.max(...spent) / spent.reduce((sum, seconds) => sum + seconds, 0) };
}

/**
 * Calls a second with that many cores and nobody else on them: until the busiest process
 * has used up one core, or all of them together have used up all cores.
 */
function capacityOf(measured: Measured, cores: number): number {
  return perCpuSecond(measured) / Math.max(measured.busiest, 1 / cores);
}
