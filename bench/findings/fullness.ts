/** What a million users and a million revoked sessions cost: nothing, if all goes well. */
import type { Sample } from "../driver/job.ts";
import type { Schedule, WarmUp } from "../rounds.ts";
import { meanRatio, perCpuSecond } from "../statistics.ts";
import { makeDataFolder } from "../world/data-folder.ts";
import { heldBytes } from "../world/inspector.ts";
import { createMint, type Mint } from "../world/mint.ts";
import type { Installation } from "../world/processes.ts";
import { authorizeQuestion } from "../world/questions.ts";
import type { World } from "../world/world.ts";
import { measureAnew, type Side } from "./anew.ts";
import type { Finding } from "./finding.ts";

const MILLION = 1_000_000;
const TOKENS = 64;

/** Compares servers on a full database with servers on the run's own; speed and memory. */
export async function findFullness(world: World, schedule: Schedule, warmUp: WarmUp): Promise<Finding[]> {
  const folder = await makeDataFolder(world.workshop, "full", { users: MILLION, revoked: MILLION });
  const { installation, driver } = world;
  const full = { ...installation, settings: folder.settings };
  const side = (asked: Installation, mint: Mint): Side<Sample> => ({
    installation: asked,
    measure: (served, window) => driver.measure(served, authorizeQuestion("grpc", mint.accessTokens(TOKENS)), window),
    warmUp,
  });
  const fullMint = createMint(folder);
  const speed = async () => {
    const rounds = await measureAnew(side(full, fullMint), side(installation, world.mint), schedule);
    return meanRatio(rounds.map(({ upper, lower }) => perCpuSecond(upper) / perCpuSecond(lower)));
  };
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
