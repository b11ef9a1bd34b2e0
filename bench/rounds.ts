/** Round by round, one after the other: whatever the machine does meanwhile, it does to all of them. */
import type { Contestant, Measure } from "./contestants.ts";
import type { Sample, Window } from "./driver/job.ts";
import type { World } from "./world/world.ts";

/** A contestant that is ready to be measured, by its newest process. */
export type Entered = { readonly contestant: Contestant; measure: Measure };

/** How a contestant did, round by round. */
export type Result = { readonly contestant: Contestant; readonly samples: readonly Sample[] };

/** How many rounds, and what is measured in each. */
export type Schedule = { readonly rounds: number; readonly window: Window };

/** How many calls come before those that count, in what windows, and how long that may take. */
export type WarmUp = { readonly window: Window; readonly calls: number; readonly patienceMs: number };

/** How whoever has a process of its own for each round is started anew, and warmed. */
export type Renewal = { readonly world: World; readonly warmUp: WarmUp };

/**
 * Gets everybody ready and warm: code is compiled as it is used, so that the first calls
 * tell nothing. All make as many of them, whatever time they take, up to a bound.
 */
export async function enterAll(world: World, contestants: readonly Contestant[], warmUp: WarmUp): Promise<Entered[]> {
  const entering = contestants.map(async (contestant) => ({ contestant, measure: await contestant.enter(world) }));
  const entered = await Promise.all(entering);
  for (const { measure } of entered) await warm(measure, warmUp);
  return entered;
}

/** Makes calls that do not count: so many, or as many as there are while patience lasts. */
export async function warm(measure: Measure, { window, calls, patienceMs }: WarmUp): Promise<void> {
  const beganAt = performance.now();
  for (let made = 0; made < calls && performance.now() - beganAt < patienceMs; ) {
    made += (await measure(window)).calls;
  }
}

/** Measures everybody, as often as the schedule says; with a renewal, those by new processes of whom one tells little. */
export async function runRounds(
  entered: readonly Entered[],
  { rounds, window }: Schedule,
  renewal: Renewal | null = null,
): Promise<Result[]> {
  const results = entered.map(({ contestant }) => ({ contestant, samples: [] as Sample[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [place, one] of entered.entries()) {
      if (renewal !== null && one.contestant.isRenewed) await renew(one, renewal);
      const measured = { ...window, measureMs: window.measureMs * one.contestant.length };
      results[place]?.samples.push(await one.measure(measured));
    }
  }
  return results;
}

async function renew(one: Entered, { world, warmUp }: Renewal): Promise<void> {
  one.measure = await one.contestant.enter(world);
  await warm(one.measure, warmUp);
}
