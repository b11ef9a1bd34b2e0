/** Servers of ours side by side, by new processes in each round: how fast one is, is settled by chance as it warms up. */
import type { Sample, Window } from "../driver/job.ts";
import { type Schedule, type WarmUp, warm } from "../rounds.ts";
import { type Installation, type Served, startSallyport } from "../world/processes.ts";

/** One of them, and what it is asked. */
export type Side<S extends Sample> = {
  readonly installation: Installation;
  readonly measure: (served: Served, window: Window) => Promise<S>;
  readonly warmUp: WarmUp;
};

/** Full collections come every two or three seconds: a window that is measured once takes in one, as those of contestants do. */
const LENGTH = 2;

/** What each side came to, round by round. No two of the processes run at once. */
export async function measureAnew<S extends Sample>(
  [upper, lower]: readonly [Side<S>, Side<S>],
  { rounds, window }: Schedule,
): Promise<{ readonly upper: readonly S[]; readonly lower: readonly S[] }> {
  const measured = { ...window, measureMs: window.measureMs * LENGTH };
  const samples = { upper: [] as S[], lower: [] as S[] };
  for (let round = 0; round < rounds; round += 1) {
    samples.upper.push(await measureOne(upper, measured));
    samples.lower.push(await measureOne(lower, measured));
  }
  return samples;
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
