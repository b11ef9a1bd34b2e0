/** PostgreSQL is killed under load, again and again: the service outlives it, and says what it knows. */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { clientsOf } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { welcome } from "../support/people.ts";
import { makePlace, startPostgres, type TestPlace, type TestServer } from "../support/postgres.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { watchAuthorize } from "./support/authorize-watch.ts";
import { createChance } from "./support/chance.ts";
import { createDiary, type Told, tally } from "./support/diary.ts";
import { outcomeOf } from "./support/outcome.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

const KILLS = scaled({ full: 40, short: 3 });
const DEADLINE_MS = 3_000;
/** So long after the server is back, the service works: 2 s are part of the promise, where the machine does nothing else. */
const BACK_WITHIN_MS = scaled({ full: 2_000, short: 10_000 });
/** How late an answer may come on a machine that is busy. */
const SLACK_MS = scaled({ full: 1_000, short: 10_000 });
/** Time between two calls in one millisecond, and what clocks of one machine may differ by in two processes. */
const MOMENT_MS = 5;

let postgres: TestServer;
let place: TestPlace;
let service: ServerProcess;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.remove());
beforeEach(async () => {
  place = await makePlace(postgres.url);
  service = await startServerProcess({
    SALLYPORT_DATABASE_URL: place.url,
    SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
    SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "3600",
    SALLYPORT_HASH_PERMITS: "8",
  });
});
afterEach(async () => {
  service.process.kill("SIGKILL");
  await place.remove();
});

/** How long until a refresh succeeds, in milliseconds. */
async function untilItWorks(token: { refreshToken: string }): Promise<number> {
  const at = performance.now();
  for (;;) {
    const attemptId = randomBytes(16);
    const outcome = await outcomeOf(clientsOf(service.url).auth.refresh({ ...token, attemptId }));
    if (outcome.kind === "done") {
      token.refreshToken = outcome.value.refreshToken;
      return performance.now() - at;
    }
    if (outcome.kind === "refused") throw new Error(`the refresh was refused: ${outcome.refusal.reason}`);
    await pause(10);
  }
}

/** What was told of calls that were begun while the server was dead. */
const begunWithin = (told: readonly Told[], from: number, to: number) =>
  told.filter(({ begunAt }) => begunAt > from && begunAt < to);

it(
  "SIGKILL of PostgreSQL: the service lives, refuses in time, and works again at once; nothing that was said is untrue",
  async () => {
    const chance = createChance("postgres-killed");
    const { tokens } = await welcome(service, "watched");
    const watch = watchAuthorize(service.url, tokens.accessToken);
    const held = { refreshToken: tokens.refreshToken };
    const diary = createDiary({ url: () => service.url, chance, people: 6, deadlineMs: DEADLINE_MS });
    const recoveries: number[] = [];
    const whileDead: Told[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const stop = diary.live();
      await pause(chance.between(200, 1_000));
      await (chance.fraction() < 0.7 ? postgres.crash() : postgres.kill());
      const deadAt = Date.now();
      await pause(chance.between(300, 1_200));
      await eventually(() => watch.between(deadAt, Date.now()).length).toBeGreaterThan(0);
      const startsAt = Date.now();
      whileDead.push(...begunWithin(diary.told, deadAt, startsAt));
      // Nothing was read since, so nothing is known to be newer.
      const checks = watch.between(deadAt, startsAt);
      expect(checks.filter(({ asOf }) => asOf > deadAt + MOMENT_MS)).toEqual([]);
      await postgres.start();
      recoveries.push(await untilItWorks(held));
      await stop();
      // What the server had committed before it died may not have been read until it was back; checks say so by `as_of`.
      const stoppedAt = Date.now();
      await eventually(() => watch.seen.at(-1)?.asOf ?? 0).toBeGreaterThan(stoppedAt);
      expect(await diary.contradictions()).toEqual([]);
    }
    await watch.stop();
    const slowest = Math.max(...recoveries);
    process.stdout.write(`postgres-killed: ${KILLS} kills, ${JSON.stringify(tally(diary.told))}, `);
    process.stdout.write(`${watch.seen.length} checks, works after ${Math.round(slowest)} ms at the latest\n`);
    expect(watch.faults).toEqual([]);
    expect(slowest).toBeLessThan(BACK_WITHIN_MS);
    // There was a load, and it met the fault.
    expect(whileDead.length).toBeGreaterThan(KILLS);
    expect(Object.keys(tally(whileDead))).toEqual(["Unavailable"]);
    expect(diary.told.filter(({ outcome }) => outcome.tookMs > DEADLINE_MS + SLACK_MS)).toEqual([]);
    expect(await service.end("SIGTERM")).toEqual({ code: 0, signal: null });
  },
  FAULT_TEST_MS,
);
