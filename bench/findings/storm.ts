/** Do checks wait behind password hashes? Half load, calm and while ten times more people log in than can. */
import type { Window } from "../driver/job.ts";
import type { Result } from "../rounds.ts";
import { medianOf, perSecond } from "../statistics.ts";
import { PASSWORD } from "../world/data-folder.ts";
import { startDriver } from "../world/driver-process.ts";
import { authorizeQuestion, loginQuestion } from "../world/questions.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

const ROUNDS = 3;
const TOKENS = 64;
const STORM = 10;
/** Long enough for several full collections, which stand still for longest and come every few seconds: none is without. */
const CALM_MS = 15_000;
/** The storm begins before the window, and ends after it. */
const AROUND_MS = 1000;

/** The 99th percentile in the storm, over that of the calm. `results` tell what full load is, of checks and of logins. */
export async function findStorm(world: World, results: readonly Result[]): Promise<Finding[]> {
  const checks = rateOf(results, "ours-grpc") / 2;
  const logins = rateOf(results, "ours-login") * STORM;
  const again = () => stormOverCalm(world, checks, logins);
  const what = "99th percentile of checks at half load, login storm / calm";
  return [{ what, value: await again(), unit: "ratio", reach: 3, aim: 1.5, better: "less", again }];
}

async function stormOverCalm(world: World, checks: number, logins: number): Promise<number> {
  const stormDriver = startDriver();
  const { driver, sallyport, mint, folder } = world;
  const names = folder.users.map(({ username }) => username);
  const storm = loginQuestion(names, PASSWORD, "grpc-or-busy");
  const half: Window = { concurrency: 16, warmMs: AROUND_MS, measureMs: CALM_MS, rate: checks };
  const check = () => driver.measure(sallyport, authorizeQuestion("grpc", mint.accessTokens(TOKENS)), half);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const calm = await check();
    const window = { ...half, warmMs: 0, measureMs: CALM_MS + 2 * AROUND_MS, rate: logins };
    const [stormy] = await Promise.all([check(), stormDriver.measure(sallyport, storm, window)]);
    ratios.push(stormy.p99 / calm.p99);
  }
  await stormDriver.stop();
  return medianOf(ratios);
}

function rateOf(results: readonly Result[], name: string): number {
  return medianOf(results.find(({ contestant }) => contestant.name === name)?.samples.map(perSecond) ?? []);
}
