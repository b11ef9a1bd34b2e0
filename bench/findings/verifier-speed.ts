/** How fast a verifier checks, and what a million live revocations cost it. */
import { meanRatio, medianOf } from "../statistics.ts";
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
const PAIRS = 5;
const MEGABYTE = 2 ** 20;

/** A verifier that is ready, with the server that it follows. */
type Post = { readonly host: Host; readonly mint: Mint; readonly stop: () => Promise<void> };
/** One that knows of no revocation, and one that knows of a million. */
type Posts = { readonly empty: Post; readonly full: Post };
/** A finding that posts are there for. */
type Figure = Omit<Finding, "value" | "again"> & { readonly measure: (posts: Posts) => Promise<number> };

/** Checks by a verifier, alone and with a million revocations in memory. */
export async function findVerifierSpeed(world: World): Promise<Finding[]> {
  const folder = await makeDataFolder(world.workshop, "revoked", { users: 1, revoked: MILLION });
  const findings: Finding[] = [];
  await withPosts(world, folder, async (posts) => {
    for (const { measure, ...figure } of figuresOf(world)) {
      const again = () => withPosts(world, folder, measure);
      findings.push({ ...figure, value: await measure(posts), again });
    }
  });
  const burden = () => findBurden(world, folder);
  findings.push({
    what: "verifier, checks with a million revocations / with none",
    value: await burden(),
    unit: "ratio",
    reach: 0.9,
    aim: 1,
    better: "more",
    again: burden,
  });
  return findings;
}

/** What a million revocations leave of the speed, by several pairs of new processes. */
async function findBurden(world: World, folder: DataFolder): Promise<number> {
  const ratios: number[] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const ratio = await withPosts(world, folder, async ({ empty, full }) => {
      // Both have compiled as much as they ever will: the first figures had the one check more than the other.
      for (const post of [empty, full]) await repeated(() => checkKnown(post));
      return repeated(async () => (await checkKnown(full)) / (await checkKnown(empty)));
    });
    ratios.push(ratio);
  }
  return meanRatio(ratios);
}

function checkKnown({ host, mint }: Post): Promise<number> {
  return host.obey({ kind: "check_known", tokens: mint.accessTokens(KNOWN_TOKENS) });
}

/** In the order in which they are measured: weights come before there are tokens in memory. */
function figuresOf({ folder }: World): Figure[] {
  const fresh = async ({ host, mint }: Post) =>
    host.obey({ kind: "check_new", tokens: mint.accessTokens(NEW_TOKENS), jwk: publicPart(folder) });
  const weight = async ({ host }: Post) => (await host.obey({ kind: "weigh" })) / MEGABYTE;
  return [
    {
      what: "verifier, a million revocations kept",
      unit: "MB",
      reach: 150,
      aim: 80,
      better: "less",
      measure: async ({ empty, full }) => (await weight(full)) - (await weight(empty)),
    },
    {
      what: "verifier, ready with a million revocations",
      unit: "ms",
      reach: 5000,
      aim: null,
      better: "less",
      measure: async ({ full }) => full.host.readyMs,
    },
    {
      what: "verifier, checks of known tokens a second of one thread",
      unit: "/s",
      reach: 500_000,
      aim: 1_000_000,
      better: "more",
      measure: ({ empty }) => repeated(() => checkKnown(empty)),
    },
    {
      what: "verifier, checks of new tokens / bare verifications",
      unit: "ratio",
      reach: 0.8,
      aim: null,
      better: "more",
      measure: ({ empty }) => repeated(() => fresh(empty)),
    },
  ];
}

/** Has verifiers follow servers of their own for as long as the work takes. */
async function withPosts<T>(world: World, revoked: DataFolder, work: (posts: Posts) => Promise<T>): Promise<T> {
  const empty = await takePost(world, world.installation, world.folder);
  try {
    const full = await takePost(world, { ...world.installation, settings: revoked.settings }, revoked);
    try {
      return await work({ empty, full });
    } finally {
      await full.stop();
    }
  } finally {
    await empty.stop();
  }
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
