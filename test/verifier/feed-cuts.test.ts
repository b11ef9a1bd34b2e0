/** Verifiers whose feeds are cut again and again, while what they know changes. */
import { rmSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { type Delegate, startDelegate } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { type Mishap, openRoad, type RoughRoad } from "../support/rough-road.ts";
import { stateOf } from "../support/told-feed.ts";
import { serviceKey } from "../support/watching.ts";
import { createWitness, isGranted } from "../support/witness.ts";

const VERIFIERS = 5;
/** What happens to the ways of verifiers, how often: 200 times in all, a round of {@link VERIFIERS} at a time. */
const MISHAPS: Readonly<Record<Mishap, number>> = { drop: 60, silent: 60, slow: 50, closed: 30 };
/** What happens to the server, in some of the rounds. */
const SERVER_MISHAPS = { restart: 3, replace: 3 } as const;
const ROUNDS = 40;
const BOUND_MS = 300;
const CHECKPOINT_MS = 30;
/** On a slow road comes half of what checkpoints alone take. */
const SLOW_BYTES = 25;
/** Within this time, a server holds to what was changed from beside it. */
const NOTICED_MS = 500;
/** Times of a fraction of the real ones, in much the same proportion. */
const PACE = { firstRetryMs: 10, mostRetryMs: 80, startMs: 400, silenceMs: 150, renewMs: 1_500, doubtMs: 500 };

/** What happens to the way of one verifier: its connection breaks, falls silent, crawls, or is not let in any more. */
type Trouble = { readonly kind: Mishap; readonly forMs: number };
type ServerTrouble = keyof typeof SERVER_MISHAPS;
/** What happens in a round: something to each way; then something to the server, for all. */
type Round = { readonly server: ServerTrouble | null; readonly ways: readonly Trouble[] };

/** These, so many times each, in any order. */
function shuffled<Kind extends string>(counts: Readonly<Record<Kind, number>>): fc.Arbitrary<Kind[]> {
  const all = keysOf(counts).flatMap((kind) => Array.from({ length: counts[kind] }, () => kind));
  return fc.shuffledSubarray(all, { minLength: all.length });
}

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] {
  const isKey = (key: string): key is Key => Object.hasOwn(record, key);
  return Object.keys(record).filter(isKey);
}

const CALM = ROUNDS - SERVER_MISHAPS.restart - SERVER_MISHAPS.replace;
const lengths = fc.array(fc.integer({ min: 0, max: BOUND_MS + 150 }), {
  minLength: ROUNDS * VERIFIERS,
  maxLength: ROUNDS * VERIFIERS,
});
const rounds: fc.Arbitrary<Round[]> = fc
  .tuple(shuffled(MISHAPS), lengths, shuffled({ ...SERVER_MISHAPS, none: CALM }))
  .map(([kinds, times, servers]) =>
    servers.map((server, number) => {
      const from = number * VERIFIERS;
      const ways = kinds
        .slice(from, from + VERIFIERS)
        .map((kind, index) => ({ kind, forMs: times[from + index] ?? 0 }));
      return { server: server === "none" ? null : server, ways };
    }),
  );

const passing: FakeClock = { now: () => Date.now(), advance: () => {} };
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** An instance, roads to it, a verifier at the end of each, and a witness. */
async function createScene() {
  const dataDir = temporaryFolder();
  const start = () => startApp({ dataDir, clock: passing, checkpointMs: CHECKPOINT_MS });
  let app: TestApp = await start();
  let admin: Person = await welcomeAdmin(app);
  const apiKey = await serviceKey(admin, "orders");
  await signUp(app, "ada");
  const roads: RoughRoad[] = [];
  for (let index = 0; index < VERIFIERS; index += 1) roads.push(await openRoad(app.port, SLOW_BYTES));
  const verifiers: readonly Delegate[] = roads.map(({ url }) => {
    const around = { pace: PACE, random: Math.random };
    return startDelegate({ url, clock: passing }, apiKey, { maxStalenessMs: BOUND_MS }, around);
  });
  await Promise.all(verifiers.map((verifier) => verifier.ready()));
  const witness = createWitness(verifiers);
  const enter = async () => {
    const person = await logIn(app, "ada", ["orders"]);
    return { ...person, watched: witness.watch(person.tokens.accessToken) };
  };
  return {
    verifiers,
    roads,
    witness,
    enter,
    /** Ends the session; sometimes changes more. */
    async change({ auth, tokens, watched }: Awaited<ReturnType<typeof enter>>, number: number): Promise<void> {
      await auth.logout({ refreshToken: tokens.refreshToken });
      watched.endedAt = Date.now();
      if (number % 4 === 0) await admin.admin.setRole({ name: `clerk-${number}`, permissions: ["orders:read"] });
      if (number % 8 === 0) await admin.admin.rotateSigningKeys({ force: true });
    },
    async restart(): Promise<void> {
      for (const road of roads) road.set("closed");
      await app.close();
      app = await start();
      for (const road of roads) {
        road.leadTo(app.port);
        road.set("open");
      }
      admin = await logIn(app, "root");
    },
    async replace(): Promise<void> {
      await app.beside((core) => core.declareRestored());
      witness.endAll();
      // Until the server has noticed, it issues tokens under keys that are gone.
      await sleep(NOTICED_MS);
      admin = await logIn(app, "root");
    },
    /** What must be known: read anew from the database, from beside the server. */
    truth: () =>
      app.beside(async ({ knowledge, keys }) =>
        stateOf(knowledge, { list: () => keys.publicKeys(), maxTtlMs: keys.maxAccessTtlMs }),
      ),
    async close() {
      witness.stop();
      await Promise.all(verifiers.map((verifier) => verifier.close()));
      for (const road of roads) await road.close();
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
type Scene = Awaited<ReturnType<typeof createScene>>;

/** Lets it happen, for so long and until it really has. */
async function makeTrouble(road: RoughRoad, { kind, forMs }: Trouble): Promise<void> {
  const before = road.suffered()[kind];
  const happen = () => (kind === "drop" ? road.cut() : road.set(kind));
  happen();
  await sleep(forMs);
  await eventually(() => {
    // There may have been nothing to break off, since the verifier was between two connections.
    if (road.suffered()[kind] === before) happen();
    return road.suffered()[kind];
  }).toBeGreaterThan(before);
  // Nobody tells the verifier that what has fallen silent is gone: it finds out by itself.
  road.set("open");
}

type Counts = Record<Mishap | ServerTrouble, number>;

/** One round: trouble, changes meanwhile, and what must be so once all is well again; what happened is counted. */
async function cutAndHeal(scene: Scene, { server, ways }: Round, number: number, happened: Counts): Promise<void> {
  const { verifiers, roads, witness } = scene;
  const person = await scene.enter();
  const seenStale = [...witness.stale];
  const made = (index: number) => roads[index]?.connections() ?? 0;
  const before = ways.map((_, index) => made(index));
  const told = verifiers.map(({ events }) => events.length);
  // One that has told that it is stale, and has not got over it yet, need not tell it again.
  const wasStale = verifiers.map(({ kinds }) => kinds().findLast((kind) => /^(stale|fresh)$/.test(kind)) === "stale");
  const troubles = roads.map((road, index) => makeTrouble(road, ways[index] ?? expect.unreachable()));
  await scene.change(person, number);
  await Promise.all(troubles);
  const beforeServer = ways.map((_, index) => made(index));
  if (server !== null) await scene[server]();
  const other = await scene.enter();
  const truth = await scene.truth();
  for (const [index, verifier] of verifiers.entries()) {
    await eventually(() => verifier.state()).toMatchObject({ isFresh: true, isConnected: true, revision: truth.at });
    expect(await verifier.known()).toEqual(truth);
    expect(isGranted(verifier, person.watched.token)).toBe(false);
    await eventually(() => isGranted(verifier, other.watched.token)).toBe(true);
    const kinds = verifier.events.slice(told[index]).map(({ kind }) => kind);
    if (wasStale[index]) expect(kinds).toContain("fresh");
    else if ((witness.stale[index] ?? 0) > (seenStale[index] ?? 0)) expect(kinds).toContain("stale");
    else if (wasLongCutOff(ways[index]))
      expect.unreachable("it was cut off for longer than its bound, and never stale");
    if (server === "replace") expect(kinds).toContain("resynced");
  }
  for (const [index, { kind }] of ways.entries()) {
    // What crawls arrives; all else has to be come back from, over another connection.
    const [own, anew] = [made(index) - (before[index] ?? 0), made(index) - (beforeServer[index] ?? 0)];
    expect([kind === "slow" || own > 0, server !== "restart" || anew > 0]).toEqual([true, true]);
    happened[kind] += 1;
  }
  if (server !== null) happened[server] += VERIFIERS;
  expect(witness.faults).toEqual([]);
}

function wasLongCutOff(way: Trouble | undefined): boolean {
  return way !== undefined && (way.kind === "silent" || way.kind === "closed") && way.forMs > BOUND_MS;
}

it("A feed that is cut 200 times at random makes no verifier that calls itself fresh grant what has ended", {
  timeout: 240_000,
}, async () => {
  const scene = await createScene();
  const happened: Counts = { drop: 0, silent: 0, slow: 0, closed: 0, restart: 0, replace: 0 };
  const property = fc.asyncProperty(rounds, async (all) => {
    for (const [number, one] of all.entries()) await cutAndHeal(scene, one, number, happened);
  });
  try {
    // One long run. The seed that fast-check tells brings it back; to shorten it would make it another.
    await fc.assert(property, { numRuns: 1, endOnFailure: true });
    const { restart, replace } = SERVER_MISHAPS;
    expect(happened).toEqual({ ...MISHAPS, restart: restart * VERIFIERS, replace: replace * VERIFIERS });
    for (const seen of [...scene.witness.stale, ...scene.witness.granted]) expect(seen).toBeGreaterThan(0);
  } finally {
    await scene.close();
  }
});
