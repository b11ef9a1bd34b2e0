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
const WINDOW_MS = 15_000;
const WARM_MS = 1000;
/** The storm begins so long before the window: what it takes is compiled then, and queues are as full as they get. */
const STORM_WARM_MS = 4000;
/** It ends after the window. */
const AFTER_MS = 1000;

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
  const half: Window = { concurrency: 16, warmMs: 0, measureMs: WINDOW_MS, rate: checks };
  const check = (warmMs: number) =>
    driver.measure(sallyport, authorizeQuestion("grpc", mint.accessTokens(TOKENS)), { ...half, warmMs });
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const calm = await check(WARM_MS);
    const window = { ...half, measureMs: STORM_WARM_MS + WINDOW_MS + AFTER_MS, rate: logins };
    const [stormy] = await Promise.all([check(STORM_WARM_MS), stormDriver.measure(sallyport, storm, window)]);
    ratios.push(stormy.p99 / calm.p99);
  }
  await stormDriver.stop();
  return medianOf(ratios);
}

function rateOf(results: readonly Result[], name: string): number {
  return medianOf(results.find(({ contestant }) => contestant.name === name)?.samples.map(perSecond) ?? []);
}
