/** Servers of ours in turns, by new processes in each round: how fast one is, is settled by chance as it warms up. */
import type { Sample, Window } from "../driver/job.ts";
import { type Schedule, type WarmUp, warm } from "../rounds.ts";
import { type Installation, LENGTH_ANEW, type Served, startSallyport } from "../world/processes.ts";

/** One of them, and what it is asked. */
export type Side<S extends Sample> = {
  readonly installation: Installation;
  readonly measure: (served: Served, window: Window) => Promise<S>;
  readonly warmUp: WarmUp;
};

/** What one round came to. */
export type Round<S extends Sample> = { readonly upper: S; readonly lower: S };

/** Measures both sides in each round, one after the other. */
export async function measureAnew<S extends Sample>(
  upper: Side<S>,
  lower: Side<S>,
  { rounds, window }: Schedule,
): Promise<readonly Round<S>[]> {
  const measured = { ...window, measureMs: window.measureMs * LENGTH_ANEW };
  const all: Round<S>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    all.push({ upper: await measureOne(upper, measured), lower: await measureOne(lower, measured) });
  }
  return all;
}

async function measureOne<S extends Sample>({ installation, measure, warmUp }: Side<S>, window: Window): Promise<S> {
  const served = await startSallyport(installation);
  try {
    await warm((warming) => measure(served, warming), warmUp);
    return await measure(served, window);
  } finally {
    await served.stop();
  }
}
