/** How fast a verifier checks, and what a million live revocations cost it. */
import { medianOf } from "../statistics.ts";
import { type Host, makeCredential, startHost } from "../verifiers/host.ts";
import { type DataFolder, makeDataFolder } from "../world/data-folder.ts";
import { createMint, type Mint } from "../world/mint.ts";
import { type Installation, startSallyport } from "../world/processes.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

const MILLION = 1_000_000;
const KNOWN_TOKENS = 64;
const NEW_TOKENS = 4000;
const ROUNDS = 5;
const MEGABYTE = 2 ** 20;

/** A verifier that is ready, with the server that it follows. */
type Post = { readonly host: Host; readonly mint: Mint; readonly stop: () => Promise<void> };

/** Checks by a verifier, alone and with a million revocations in memory. */
export async function findVerifierSpeed(world: World): Promise<Finding[]> {
  const empty = await takePost(world, world.installation, world.folder);
  const folder = await makeDataFolder(world.workshop, "revoked", { users: 1, revoked: MILLION });
  const full = await takePost(world, { ...world.installation, settings: folder.settings }, folder);
  try {
    return await measure(world, empty, full);
  } finally {
    await Promise.all([empty.stop(), full.stop()]);
  }
}

async function measure({ folder }: World, empty: Post, full: Post): Promise<Finding[]> {
  const known = async ({ host, mint }: Post) =>
    host.obey({ kind: "check_known", tokens: mint.accessTokens(KNOWN_TOKENS) });
  const rate = () => repeated(() => known(empty));
  const newRatio = () =>
    repeated(() =>
      empty.host.obey({ kind: "check_new", tokens: empty.mint.accessTokens(NEW_TOKENS), jwk: publicPart(folder) }),
    );
  const slower = () => repeated(async () => (await known(full)) / (await known(empty)));
  const weight = async () =>
    ((await full.host.obey({ kind: "weigh" })) - (await empty.host.obey({ kind: "weigh" }))) / MEGABYTE;
  // Before there are tokens in memory.
  const weighed = await weight();
  return [
    {
      what: "verifier, checks of known tokens a second of CPU",
      value: await rate(),
      unit: "/s",
      reach: 500_000,
      aim: 1_000_000,
      better: "more",
      again: rate,
    },
    {
      what: "verifier, checks of new tokens / bare verifications",
      value: await newRatio(),
      unit: "ratio",
      reach: 0.8,
      aim: null,
      better: "more",
      again: newRatio,
    },
    {
      what: "verifier, checks with a million revocations / with none",
      value: await slower(),
      unit: "ratio",
      reach: 0.9,
      aim: 1,
      better: "more",
      again: slower,
    },
    {
      what: "verifier, a million revocations kept",
      value: weighed,
      unit: "MB",
      reach: 150,
      aim: 80,
      better: "less",
      again: async () => weighed,
    },
    {
      what: "verifier, ready with a million revocations",
      value: full.host.readyMs,
      unit: "ms",
      reach: 5000,
      aim: null,
      better: "less",
      again: async () => full.host.readyMs,
    },
  ];
}

async function takePost({ workshop }: World, installation: Installation, folder: DataFolder): Promise<Post> {
  const served = await startSallyport(installation);
  const host = await startHost(workshop, served.port, await makeCredential(installation), 1);
  return {
    host,
    mint: createMint(folder),
    async stop() {
      await host.stop();
      await served.stop();
    },
  };
}

async function repeated(once: () => Promise<number>): Promise<number> {
  await once();
  const values: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) values.push(await once());
  return medianOf(values);
}

function publicPart({ keys }: DataFolder) {
  const { d: _private, ...jwk } = keys.access;
  return jwk;
}
