/** How long after the answer of Logout the other instances on one PostgreSQL refuse. */
import { setTimeout as pause } from "node:timers/promises";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { DenialReason } from "../../gen/sallyport/auth/v1/decision_pb.ts";
import { startDatabaseProxy } from "../../test/support/database-proxy.ts";
import { type Asker, createAsker } from "../world/asker.ts";
import { PASSWORD } from "../world/data-folder.ts";
import { startInstances, withDatabases } from "../world/postgres.ts";
import type { World } from "../world/world.ts";
import type { Finding } from "./finding.ts";

const INSTANCES = 3;
/** How an instance begins to listen for hints. */
const LISTEN = "listen sallyport_log";
/** Of one user; more than a hundred would end each other. */
const SESSIONS_EACH = 20;
/** Who logs in at once on each instance; fewer than wait for a hash at most. */
const LOGINS_AT_ONCE = 8;
/** What is not refused after this long is missed, in milliseconds. */
const PATIENCE_MS = 10_000;

/** How the logouts go; with hints between the instances, or without. */
type Manner = {
  readonly what: string;
  readonly hasHints: boolean;
  readonly logouts: number;
  /** Logouts a second. */
  readonly rate: number;
  /** Time between two questions about a session, in milliseconds. */
  readonly pollMs: number;
  /** What is promised, in milliseconds. */
  readonly reachMs: number;
};

const MANNERS: readonly Manner[] = [
  { what: "with NOTIFY", hasHints: true, logouts: 10_000, rate: 200, pollMs: 3, reachMs: 300 },
  { what: "without NOTIFY", hasHints: false, logouts: 2_000, rate: 100, pollMs: 10, reachMs: 1000 },
];

/** What came of the logouts: milliseconds, logouts. */
type Reach = { readonly p50: number; readonly p99: number; readonly longest: number; readonly missed: number };
type Session = { readonly accessToken: string; readonly refreshToken: string };

/** The time from the answer of Logout to the refusal by every other instance, and logouts that were missed. */
export async function findInstances(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const manner of MANNERS) {
    const { what, logouts, reachMs } = manner;
    const again = () => withDatabases(async ({ make }) => measure(world, manner, await make("instances")));
    const first = await again();
    const inMs = { unit: "ms", aim: null, better: "less" } as const;
    const reached = `Logout to refusal by ${INSTANCES} instances on PostgreSQL ${what}`;
    findings.push(
      { ...inMs, what: `${reached}, p99`, value: first.p99, reach: reachMs, again: async () => (await again()).p99 },
      { ...inMs, what: `${reached}, median`, value: first.p50, reach: null, again: async () => first.p50 },
      { ...inMs, what: `${reached}, longest`, value: first.longest, reach: null, again: async () => first.longest },
      {
        ...inMs,
        what: `of ${logouts} logouts ${what}, missed`,
        value: first.missed,
        unit: "",
        reach: 0,
        again: async () => (await again()).missed,
      },
    );
  }
  return findings;
}

async function measure(world: World, manner: Manner, url: string): Promise<Reach> {
  const proxy = manner.hasHints ? null : await startDatabaseProxy(url);
  proxy?.forbid(LISTEN);
  const instances = await startInstances(world, proxy?.url ?? url, INSTANCES);
  const askers = instances.map(createAsker);
  try {
    const sessions = await logIn(askers, manner.logouts);
    const delays = await logOutAll(askers, sessions, manner);
    if (proxy !== null && proxy.forbidden() < INSTANCES) throw new Error("somebody heard hints");
    return reachOf(delays);
  } finally {
    for (const asker of askers) asker.close();
    await Promise.all(instances.map(({ stop }) => stop()));
    await proxy?.close();
  }
}

/** So many sessions, by as many logins. */
async function logIn(askers: readonly Asker[], count: number): Promise<readonly Session[]> {
  const sessions: Session[] = [];
  const users = Array.from({ length: count / SESSIONS_EACH }, (_, index) => `bench${index}`).values();
  const work = async ({ ask }: Asker) => {
    for (const username of users) {
      await ask(AuthService.method.signup, { username, password: PASSWORD });
      for (let made = 0; made < SESSIONS_EACH; made += 1)
        sessions.push(await ask(AuthService.method.login, { identifier: username, password: PASSWORD }));
    }
  };
  await Promise.all(askers.flatMap((asker) => Array.from({ length: LOGINS_AT_ONCE }, () => work(asker))));
  return sessions;
}

/**
 * Logs out of each session at the rate; how long it took until all others refused. On each instance in turn, but
 * without hints on one alone: whoever commits reads the log, and would learn by that of what others did.
 */
async function logOutAll(
  askers: readonly Asker[],
  sessions: readonly Session[],
  { hasHints, rate, pollMs }: Manner,
): Promise<readonly number[]> {
  const beganAt = performance.now();
  return Promise.all(
    sessions.map(async ({ accessToken, refreshToken }, index) => {
      await pause(Math.max(0, beganAt + (index / rate) * 1000 - performance.now()));
      const here = askers[hasHints ? index % askers.length : 0];
      await here?.ask(AuthService.method.logout, { refreshToken });
      const answeredAt = performance.now();
      const others = askers.filter((asker) => asker !== here);
      const delays = others.map((other) => untilRefused(other, accessToken, { answeredAt, pollMs }));
      return Math.max(...(await Promise.all(delays)));
    }),
  );
}

/** Milliseconds until `asker` refuses the token because its session ended; infinite if that takes too long. */
async function untilRefused(
  { ask }: Asker,
  accessToken: string,
  { answeredAt, pollMs }: { readonly answeredAt: number; readonly pollMs: number },
): Promise<number> {
  while (performance.now() - answeredAt < PATIENCE_MS) {
    const { decision } = await ask(AuthService.method.authorize, { accessToken });
    if (decision.case === "denied") {
      if (decision.value.reason === DenialReason.SESSION_REVOKED) return performance.now() - answeredAt;
      throw new Error(`a token was refused for another reason: ${decision.value.reason}`);
    }
    await pause(pollMs);
  }
  return Number.POSITIVE_INFINITY;
}

function reachOf(delays: readonly number[]): Reach {
  const sorted = [...delays].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  const missed = delays.filter((delay) => delay === Number.POSITIVE_INFINITY).length;
  return { p50: at(0.5), p99: at(0.99), longest: at(1), missed };
}
