/**
 * What `Refresh` and `Signup` on PostgreSQL cost, beside a loop that asks for the same statements. Promised is the ratio
 * by all the CPU that a call takes, the database's too, by that of the process alone, and by the clock.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { serialize } from "node:v8";
import type { StatementMaterial } from "../contestants/statement-loop.ts";
import type { Sample, Window } from "../driver/job.ts";
import { medianOf, perCpuSecond, perSecond, ratioOf } from "../statistics.ts";
import { PASSWORD } from "../world/data-folder.ts";
import type { Loop } from "../world/loop-process.ts";
import {
  type CpuByProcess,
  cpuBetween,
  type Databases,
  postgresSettings,
  startInstances,
  withDatabases,
} from "../world/postgres.ts";
import type { Served } from "../world/processes.ts";
import { type Question, refreshQuestion, signupQuestion } from "../world/questions.ts";
import { CONNECTIONS, makePeople, recordWrites } from "../world/recorded-writes.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

/**
 * Rounds until code is compiled and plans are made, and those that count. The loop is compiled after three rounds; a
 * server has more code, and threads of it compile for fifteen or so.
 */
const WARM = 20;
const COUNTED = 5;
/** Calls in a round, of each kind. */
const CALLS = 1000;
/** As many as are asked at once elsewhere. A window is over when its calls are. */
const WINDOW: Window = { concurrency: 16, warmMs: 0, measureMs: 3_600_000, rate: null };

/** A window, with the CPU time of the process, and that of the database's processes meanwhile, in seconds. */
type Measured = Sample & { readonly databaseSeconds: number };
/** Ours and the loop's, round by round. */
type Pair = { readonly ours: readonly Measured[]; readonly bare: readonly Measured[] };
type Comparison = { readonly refresh: Pair; readonly signup: Pair };

/** Calls for a second of CPU over those of the loop, and both by the clock. */
export async function findPostgresWrites(world: World): Promise<Finding[]> {
  const again = () => withDatabases((databases) => compare(world, databases));
  const first = await again();
  const kinds = [
    { what: "Refresh", of: ({ refresh }: Comparison) => refresh },
    { what: "Signup, the cheapest hash", of: ({ signup }: Comparison) => signup },
  ];
  return kinds.flatMap(({ what, of }): Finding[] => {
    const { ours, bare } = of(first);
    const figure = (name: string, value: number): Finding => ({
      what: `${what}, PostgreSQL, ${name}`,
      value,
      unit: "/s",
      reach: null,
      aim: null,
      better: "more",
      again: async () => value,
    });
    const ratio = (name: string, measure: (pair: Pair) => number): Finding => ({
      what: `${what}, PostgreSQL / its bare statements, ${name}`,
      value: measure(of(first)),
      unit: "ratio",
      reach: 0.5,
      aim: null,
      better: "more",
      again: async () => measure(of(await again())),
    });
    return [
      ratio("CPU with the database's", (pair) => ratioOf(pair.ours.map(withDatabase), pair.bare.map(withDatabase))),
      ratio("CPU of the process alone", (pair) => ratioOf(pair.ours, pair.bare)),
      ratio("by the clock", (pair) => medianOf(pair.ours.map(perSecond)) / medianOf(pair.bare.map(perSecond))),
      figure("for a second of the process's CPU", medianOf(ours.map(perCpuSecond))),
      figure("for a second of the database's CPU", medianOf(ours.map(perDatabaseSecond))),
      figure("by the clock", medianOf(ours.map(perSecond))),
      figure("bare, for a second of the process's CPU", medianOf(bare.map(perCpuSecond))),
      figure("bare, for a second of the database's CPU", medianOf(bare.map(perDatabaseSecond))),
      figure("bare, by the clock", medianOf(bare.map(perSecond))),
    ];
  });
}

const withDatabase = (sample: Measured): Sample => ({
  ...sample,
  cpuSeconds: sample.cpuSeconds + sample.databaseSeconds,
});
const perDatabaseSecond = ({ calls, databaseSeconds }: Measured) => calls / databaseSeconds;

/** Each on a copy of the database as it was when the statements were recorded, which was on a third. */
async function compare(world: World, databases: Databases): Promise<Comparison> {
  const { make } = databases;
  const rounds = WARM + COUNTED;
  const tokens = await makePeople(postgresSettings(await make("people")), CALLS);
  const recorded = await recordWrites(postgresSettings(await make("recorded", "people")), tokens, rounds);
  const bareUrl = await make("bare", "people");
  const [served] = await startInstances(world, await make("served", "people"), 1);
  if (served === undefined) throw new Error("there is no instance");
  const loops: Loop[] = [];
  const startLoop = async (name: string, calls: StatementMaterial["rounds"]) => {
    const file = join(world.workshop, `${name}.statements`);
    writeFileSync(
      file,
      serialize({ url: bareUrl, connections: CONNECTIONS, rounds: calls } satisfies StatementMaterial),
    );
    const loop = await world.startLoop("contestants/statement-loop.ts", [file]);
    loops.push(loop);
    return loop;
  };
  try {
    const { refreshes, signups } = recorded;
    const refresh = await startLoop("refresh", refreshes.statements);
    const signup = await startLoop("signup", signups.statements);
    const pair = (loop: Loop, questions: readonly Question[]) =>
      takeTurns(world, { served, loop, questions, databases });
    return {
      refresh: await pair(refresh, refreshes.tokens.map(refreshQuestion)),
      signup: await pair(
        signup,
        signups.names.map((names) => signupQuestion(names, PASSWORD)),
      ),
    };
  } finally {
    await Promise.all([served, ...loops].map(({ stop }) => stop()));
  }
}

type Turns = {
  readonly served: Served;
  readonly loop: Loop;
  readonly questions: readonly Question[];
  readonly databases: Databases;
};

async function takeTurns({ driver }: World, { served, loop, questions, databases }: Turns): Promise<Pair> {
  const pair = { ours: [] as Measured[], bare: [] as Measured[] };
  const beside = async (measure: Promise<Sample>, before: CpuByProcess): Promise<Measured> => {
    const sample = await measure;
    return { ...sample, databaseSeconds: cpuBetween(before, await databases.cpu()) };
  };
  for (const question of questions) {
    const before = await databases.cpu();
    pair.bare.push(await beside(loop.measure(WINDOW), before));
    const between = await databases.cpu();
    pair.ours.push(await beside(driver.measure(served, question, WINDOW), between));
  }
  return { ours: pair.ours.slice(WARM), bare: pair.bare.slice(WARM) };
}
