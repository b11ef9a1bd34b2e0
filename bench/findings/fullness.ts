/** What a million users and a million revoked sessions cost: nothing, if all goes well. */
import type { Sample, Window } from "../driver/job.ts";
import type { Schedule } from "../rounds.ts";
import { ratioOf } from "../statistics.ts";
import { makeDataFolder } from "../world/data-folder.ts";
import { heldBytes } from "../world/inspector.ts";
import { createMint } from "../world/mint.ts";
import { type Installation, startSallyport } from "../world/processes.ts";
import { authorizeQuestion } from "../world/questions.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

const MILLION = 1_000_000;
const TOKENS = 64;

/** Compares a server on a full database with the one of the run; speed and memory. */
export async function findFullness(world: World, { rounds, window }: Schedule): Promise<Finding[]> {
  const folder = await makeDataFolder(world.workshop, "full", { users: MILLION, revoked: MILLION });
  const { installation } = world;
  const full = { ...installation, settings: folder.settings };
  const speed = () => compare(world, { full, mint: createMint(folder), rounds, window });
  const memory = async () => ((await heldBytes(full)) - (await heldBytes(installation))) / MILLION;
  return [
    {
      what: "check with a million users and revoked sessions / with none",
      value: await speed(),
      unit: "ratio",
      reach: 0.95,
      aim: 1,
      better: "more",
      again: speed,
    },
    {
      what: "each revoked session kept",
      value: await memory(),
      unit: "bytes",
      reach: 200,
      aim: 64,
      better: "less",
      again: memory,
    },
  ];
}

type Comparison = Pick<Schedule, "rounds" | "window"> & {
  readonly full: Installation;
  readonly mint: World["mint"];
};

/** Both servers are new, so that neither has more behind it than the other. */
async function compare({ driver, installation, mint }: World, { full, mint: fullMint, rounds, window }: Comparison) {
  const servers = [
    { served: await startSallyport(full), tokens: () => fullMint.accessTokens(TOKENS), samples: [] as Sample[] },
    { served: await startSallyport(installation), tokens: () => mint.accessTokens(TOKENS), samples: [] as Sample[] },
  ];
  const measureBoth = async (measured: Window) => {
    for (const { served, tokens, samples } of servers) {
      samples.push(await driver.measure(served, authorizeQuestion("grpc", tokens()), measured));
    }
  };
  await measureBoth({ ...window, measureMs: window.measureMs * 2 });
  for (const { samples } of servers) samples.length = 0;
  for (let round = 0; round < rounds; round += 1) await measureBoth(window);
  await Promise.all(servers.map(({ served }) => served.stop()));
  const [ofFull = [], ofEmpty = []] = servers.map(({ samples }) => samples);
  return ratioOf(ofFull, ofEmpty);
}
