/** What `Refresh` and `Signup` on PostgreSQL cost, beside a loop that asks for the same statements. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { serialize } from "node:v8";
import type { StatementMaterial } from "../contestants/statement-loop.ts";
import type { Sample, Window } from "../driver/job.ts";
import { medianOf, perCpuSecond, perSecond, ratioOf } from "../statistics.ts";
import { PASSWORD } from "../world/data-folder.ts";
import type { Loop } from "../world/loop-process.ts";
import { type Databases, postgresSettings, startInstances, withDatabases } from "../world/postgres.ts";
import type { Served } from "../world/processes.ts";
import { type Question, refreshQuestion, signupQuestion } from "../world/questions.ts";
import { CONNECTIONS, makePeople, recordWrites } from "../world/recorded-writes.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

/** Rounds until code is compiled and plans are made, and those that count. */
const WARM = 3;
const COUNTED = 5;
/** Calls in a round, of each kind. */
const CALLS = 1000;
/** As many as are asked at once elsewhere. A window is over when its calls are. */
const WINDOW: Window = { concurrency: 16, warmMs: 0, measureMs: 3_600_000, rate: null };

/** Ours and the loop's, round by round. */
type Pair = { readonly ours: readonly Sample[]; readonly bare: readonly Sample[] };
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
    const ratioAgain = async () => {
      const next = of(await again());
      return ratioOf(next.ours, next.bare);
    };
    return [
      {
        what: `${what}, PostgreSQL / its bare statements`,
        value: ratioOf(ours, bare),
        unit: "ratio",
        reach: 0.5,
        aim: null,
        better: "more",
        again: ratioAgain,
      },
      figure("for a second of CPU", medianOf(ours.map(perCpuSecond))),
      figure("its bare statements, for a second of CPU", medianOf(bare.map(perCpuSecond))),
      figure("by the clock", medianOf(ours.map(perSecond))),
      figure("its bare statements, by the clock", medianOf(bare.map(perSecond))),
    ];
  });
}

/** Each on a copy of the database as it was when the statements were recorded, which was on a third. */
async function compare(world: World, { make }: Databases): Promise<Comparison> {
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
    const pair = (loop: Loop, questions: readonly Question[]) => takeTurns(world, { served, loop, questions });
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

type Turns = { readonly served: Served; readonly loop: Loop; readonly questions: readonly Question[] };

async function takeTurns({ driver }: World, { served, loop, questions }: Turns): Promise<Pair> {
  const pair = { ours: [] as Sample[], bare: [] as Sample[] };
  for (const question of questions) {
    pair.bare.push(await loop.measure(WINDOW));
    pair.ours.push(await driver.measure(served, question, WINDOW));
  }
  return { ours: pair.ours.slice(WARM), bare: pair.bare.slice(WARM) };
}
