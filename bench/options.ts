/** What may be said behind `npm run bench --`. */
import { parseArgs } from "node:util";
import { CONTESTANTS, type Contestant } from "./contestants.ts";
import type { Window } from "./driver/job.ts";
import type { Schedule, WarmUp } from "./rounds.ts";

/** What is to be measured, and for how long. */
export type Options = {
  readonly isQuick: boolean;
  /** Fail where a figure is out of reach. */
  readonly mustReach: boolean;
  /** Not everybody takes part: then only they are measured, and nothing beside. */
  readonly isPartial: boolean;
  readonly contestants: readonly Contestant[];
  /** Whether checks are measured in a storm of logins. */
  readonly findsStorm: boolean;
  /** Whether a server with a million users and revoked sessions is compared with one that has few. */
  readonly findsFullness: boolean;
  /** Whether one process is compared with two workers. */
  readonly findsWorkers: boolean;
  /** Whether three instances on PostgreSQL are measured. */
  readonly findsInstances: boolean;
  /** Whether writes on PostgreSQL are compared with their bare statements. */
  readonly findsPostgresWrites: boolean;
  readonly warmUp: WarmUp;
  /** How those are warmed who are started anew for each round; `null` if no contestant is. */
  readonly renewedWarmUp: WarmUp | null;
  /** The rounds, once everybody is ready; that took so many milliseconds. */
  readonly schedule: (elapsedMs: number) => Schedule;
};

/** The quick run is to be over after so long, in milliseconds. */
const QUICK_MS = 56_000;
/** What comes after the rounds of the quick run takes about so long. */
const REST_MS = 7_000;
/** What a window takes beside its time: tokens are made, the last answers come in. */
const BESIDE_MS = 80;
const MANY = 8;
/** Calls that come before those that count, or as many as there are in so many milliseconds. */
const WARM_UP_CALLS = 6000;
/** Of logins there are fifty a second, and V8 compiles well what was called some hundred times. */
const WARM_UP_MS = 20_000;
/** What is no contestant, and can be named like one. */
const STORM = "storm";
const FULLNESS = "fullness";
const WORKERS = "workers";
const INSTANCES = "instances";
const POSTGRES_WRITES = "postgres-writes";
/** Half of what, and ten times what, is asked in the storm. */
const STORM_NEEDS = ["ours-grpc", "ours-login"];

/** Reads the command line. @throws Error for what it does not know. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      assert: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      concurrency: { type: "string", default: "16" },
    },
  });
  const names = values.only.split(",").filter((name) => name !== "");
  const known = [...CONTESTANTS.map(({ name }) => name), STORM, FULLNESS, WORKERS, INSTANCES, POSTGRES_WRITES];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}; there are ${known.join(", ")}`);
  const finds = (name: string) => names.includes(name) || (names.length === 0 && !values.quick);
  const wanted = names.includes(STORM) ? [...names, ...STORM_NEEDS] : names;
  const contestants = CONTESTANTS.filter(({ name }) => names.length === 0 || wanted.includes(name));
  const concurrency = Number(values.concurrency);
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw new Error("--concurrency takes a number above 0");
  const isQuick = values.quick;
  const window = { concurrency, warmMs: isQuick ? 100 : 300, measureMs: isQuick ? 400 : 1500, rate: null };
  return {
    isQuick,
    mustReach: values.assert,
    isPartial: names.length > 0,
    contestants,
    findsStorm: finds(STORM),
    findsFullness: finds(FULLNESS),
    findsWorkers: finds(WORKERS),
    findsInstances: finds(INSTANCES),
    findsPostgresWrites: finds(POSTGRES_WRITES),
    warmUp: {
      window: { ...window, warmMs: 0, measureMs: 300 },
      calls: WARM_UP_CALLS,
      patienceMs: isQuick ? 1000 : WARM_UP_MS,
    },
    renewedWarmUp: isQuick
      ? null
      : { window: { ...window, warmMs: 0, measureMs: 500 }, calls: 225_000, patienceMs: 6000 },
    schedule: (elapsedMs) => (isQuick ? asMuchAsFits(window, contestants, elapsedMs) : { rounds: 7, window }),
  };
}

function asMuchAsFits(window: Window, contestants: readonly Contestant[], elapsedMs: number): Schedule {
  const rounds = contestants.length > MANY ? 3 : 5;
  const roundMs = (QUICK_MS - REST_MS - elapsedMs) / rounds - contestants.length * (window.warmMs + BESIDE_MS);
  const lengths = contestants.reduce((sum, { length }) => sum + length, 0);
  return { rounds, window: { ...window, measureMs: Math.min(1500, Math.max(200, roundMs / lengths)) } };
}
