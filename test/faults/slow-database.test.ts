/** A database that answers late, and one that does not answer: deadlines hold, queues end, checks go on. */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, welcome } from "../support/people.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { refusalOf } from "../support/refusals.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { watchAuthorize } from "./support/authorize-watch.ts";
import { createChance } from "./support/chance.ts";
import { createDiary, tally } from "./support/diary.ts";
import { insist, outcomeOf, untilToldOver } from "./support/outcome.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

const SLOW_MS = scaled({ full: 20_000, short: 3_000 });
const STALLS = scaled({ full: 5, short: 1 });
const DEADLINE_MS = 1_500;
/** How late an answer may come on a machine that is busy. */
const SLACK_MS = scaled({ full: 1_000, short: 10_000 });
const DELAY_MS = 60;
/** How often the log is read at least. */
const POLL_MS = 250;
/** Calls that come at once while nothing is answered, */
const RUSH = 900;
const RUSH_CLIENTS = 6;
const OVER_GRPC = WIRE_FORMS.find(({ name }) => name === "gRPC over HTTP/2")?.transport;
/** and how many of them may wait: the queue, what is in use, and those who come as somebody leaves. */
const MAY_WAIT = 500 + 100;
const RUSH_DEADLINE_MS = 6_000;
/** Whoever is in the queue waits longer; whoever is refused at once is told by then, where the machine does nothing else. */
const AT_ONCE_MS = scaled({ full: 2_500, short: 10_000 });
/** What the log says of those who are refused at once. */
const QUEUE_IS_FULL = "the queue is full";
const MOMENT_MS = 5;

let place: TestPlace;
let proxy: DatabaseProxy;
let service: ServerProcess;

beforeEach(async () => {
  place = await makePlace();
  proxy = await startDatabaseProxy(place.url);
  service = await startServerProcess({
    SALLYPORT_DATABASE_URL: proxy.url,
    SALLYPORT_DATABASE_CONNECTIONS: "6",
    SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
    SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "3600",
    SALLYPORT_HASH_PERMITS: "8",
  });
});
afterEach(async () => {
  if (service.process.exitCode === null) await service.end("SIGKILL");
  await proxy.close();
  await place.remove();
});

async function populate(seedName: string) {
  const chance = createChance(seedName);
  const { tokens } = await welcome(service, "watched");
  const watch = watchAuthorize(service.url, tokens.accessToken);
  const diary = createDiary({ url: () => service.url, chance, people: 8, deadlineMs: DEADLINE_MS });
  return { chance, watch, diary, tokens };
}
type Scene = Awaited<ReturnType<typeof populate>>;

async function expectUnharmed(name: string, { watch, diary }: Scene): Promise<void> {
  await watch.stop();
  process.stdout.write(`${name}: ${JSON.stringify(tally(diary.told))}, ${watch.seen.length} checks\n`);
  expect(watch.faults).toEqual([]);
  expect(diary.told.filter(({ outcome }) => outcome.tookMs > DEADLINE_MS + SLACK_MS)).toEqual([]);
  expect(await service.end("SIGTERM")).toEqual({ code: 0, signal: null });
}

describe("A database that", () => {
  it(
    "is slow makes writes late or UNAVAILABLE, within their deadlines, and knowledge as old as it is said to be",
    async () => {
      const scene = await populate("slow-database");
      const { watch, diary } = scene;
      proxy.slowDown(DELAY_MS);
      const slowAt = Date.now();
      const stop = diary.live();
      await pause(SLOW_MS);
      const ages = watch.between(slowAt, Date.now()).map(({ answeredAt, asOf }) => answeredAt - asOf);
      // A read of the log takes several answers, and what it brings is as old as its beginning.
      expect(Math.max(...ages)).toBeGreaterThan(POLL_MS + 2 * DELAY_MS);
      proxy.slowDown(0);
      await stop();
      expect(await diary.contradictions()).toEqual([]);
      expect(Object.keys(tally(diary.told))).toContain("done");
      await expectUnharmed("slow-database", scene);
    },
    FAULT_TEST_MS,
  );

  it(
    "falls silent refuses a rush beyond its queue at once, and the rest by their deadlines; then all goes on",
    async () => {
      const scene = await populate("stalled-database");
      const { chance, watch, diary } = scene;
      for (let stall = 0; stall < STALLS; stall += 1) {
        const stop = diary.live();
        await pause(chance.between(200, 500));
        const { tokens } = await logIn(service, "watched");
        proxy.stall();
        const stalledAt = Date.now();
        const refusedBefore = refusedAtOnce();
        await rush(tokens.refreshToken);
        await eventually(() => refusedAtOnce() - refusedBefore).toBeGreaterThanOrEqual(RUSH - MAY_WAIT);
        const { auth } = clientsOf(service.url);
        const fresh = auth.authorize({ accessToken: tokens.accessToken, maxStaleness: { seconds: 1n } });
        expect(await refusalOf(fresh)).toMatchObject({ code: "Unavailable", reason: "TOO_STALE" });
        const checks = watch.between(stalledAt, Date.now());
        expect(checks.length).toBeGreaterThan(0);
        expect(checks.filter(({ asOf }) => asOf > stalledAt + MOMENT_MS)).toEqual([]);
        proxy.resume();
        await stop();
        // However many of the rush were done, they led to one live branch.
        expect(await insist(() => auth.refresh({ refreshToken: tokens.refreshToken }))).toMatchObject({ kind: "done" });
        const flowingAt = Date.now();
        await eventually(() => watch.seen.at(-1)?.asOf ?? 0).toBeGreaterThan(flowingAt);
        expect(await diary.contradictions()).toEqual([]);
      }
      await expectUnharmed("stalled-database", scene);
    },
    FAULT_TEST_MS,
  );
});

/** How many were so far. */
const refusedAtOnce = () =>
  service
    .output()
    .stderr.split("\n")
    .filter((line) => line.includes(QUEUE_IS_FULL)).length;

/** Many calls at once; all are answered when this is over. */
async function rush(refreshToken: string): Promise<void> {
  // By few connections, so that the calls are what there is to do.
  const clients = Array.from({ length: RUSH_CLIENTS }, () => clientsOf(service.url, "", OVER_GRPC).auth);
  const calls = clients.flatMap((auth) =>
    Array.from({ length: RUSH / RUSH_CLIENTS }, () => auth.refresh({ refreshToken }, untilToldOver(RUSH_DEADLINE_MS))),
  );
  const outcomes = await Promise.all(calls.map(outcomeOf));
  expect(outcomes.filter(({ tookMs }) => tookMs > RUSH_DEADLINE_MS + SLACK_MS)).toEqual([]);
  const waited = outcomes.filter(({ tookMs }) => tookMs > AT_ONCE_MS);
  expect(waited.length).toBeLessThanOrEqual(MAY_WAIT);
  const codes = outcomes.map((outcome) => (outcome.kind === "done" ? "done" : outcome.refusal.code));
  expect(codes.filter((code) => code !== "Unavailable" && code !== "DeadlineExceeded")).toEqual([]);
}
