/** The clock of a service on SQLite, which has no other, is set wrong by an hour, again and again, under work and across starts. */
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LoginResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { verdictAt } from "../support/two-apps.ts";
import { createChance } from "./support/chance.ts";
import { createDiary, tally } from "./support/diary.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

const STEPS = scaled({ full: 10, short: 2 });
const HOUR_MS = 3_600_000;
/** Longer where others share the machine: what is asked in between must be answered in time. */
const TTL_MS = scaled({ full: 3_000, short: 6_000 });
/** Whole seconds. */
const ROUNDING_MS = 1_000;
const EXPIRED = "TOKEN_EXPIRED, REFRESH";

let dataDir: string;
let offset: number;
let app: TestApp;

const start = () =>
  startApp({
    dataDir,
    settings: {
      SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: String(TTL_MS / 1000),
      // By a clock that is ahead all sessions are over.
      SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "1800",
      SALLYPORT_HASH_PERMITS: "8",
    },
    clock: { now: () => Date.now() + offset, advance: () => {} },
  });

beforeEach(async () => {
  dataDir = temporaryFolder();
  offset = 0;
  app = await start();
});
afterEach(async () => {
  await app.close();
  rmSync(dataDir, { recursive: true });
});

const readiness = async () => (await fetch(`${app.url}/readyz`)).status;
const verdict = ({ accessToken }: { accessToken: string }) => verdictAt(app, accessToken);
const refreshed = ({ refreshToken }: { refreshToken: string }) => clientsOf(app.url).auth.refresh({ refreshToken });

/** How long tokens that were just issued live by the right clock, in milliseconds. */
const lifeOf = ({ accessTokenExpiresAt }: { accessTokenExpiresAt?: LoginResponse["accessTokenExpiresAt"] }) =>
  accessTokenExpiresAt === undefined ? Number.NaN : timestampMs(accessTokenExpiresAt) - Date.now();

async function restart(): Promise<void> {
  await app.close();
  app = await start();
}

it(
  "A service on SQLite whose clock goes back or forward by an hour is not ready; no token outlives its end, and nobody is signed out",
  async () => {
    const chance = createChance("clock-steps-sqlite");
    const diary = createDiary({ url: () => app.url, chance, people: 3, deadlineMs: 10_000 });
    await signUp(app, "watched");
    for (let step = 0; step < STEPS; step += 1) {
      const [ended, old, held] = await Promise.all([1, 2, 3].map(async () => (await logIn(app, "watched")).tokens));
      if (ended === undefined || old === undefined || held === undefined) throw new Error("nobody is in");
      await clientsOf(app.url).auth.logout({ refreshToken: ended.refreshToken });

      // Ahead, while nothing is recorded: all that was before is refused, and nothing forgotten.
      offset = HOUR_MS;
      await pause(chance.between(300, 600));
      expect([await verdict(old), await verdict(ended)]).toEqual([EXPIRED, EXPIRED]);
      expect(await refusalOf(refreshed(held))).toMatchObject({ reason: "UNAVAILABLE" });
      // By then the log was read, so that it is not for being stale.
      expect(await readiness()).toBe(503);
      offset = 0;
      expect(await verdict(ended)).not.toBe("GRANTED");
      await eventually(readiness).toBe(200);

      const stop = diary.live();
      offset = -HOUR_MS;
      expect(await readiness()).toBe(503);
      expect(await verdict(ended)).not.toBe("GRANTED");
      const fresh = await refreshed(held);
      expect(lifeOf(fresh)).toBeLessThanOrEqual(TTL_MS + ROUNDING_MS);
      expect(await verdict(fresh)).toBe("GRANTED");
      await pause(Math.max(0, lifeOf(old)) + 1);
      expect(await verdict(old)).toBe(EXPIRED);
      await pause(chance.between(200, 800));
      await stop();
      expect(await diary.contradictions()).toEqual([]);

      // A start tells the time by what was recorded last, which was after the end of that token.
      const later = await refreshed(fresh);
      await restart();
      expect([await readiness(), await verdict(old), await verdict(later)]).toEqual([503, EXPIRED, "GRANTED"]);
      offset = 0;
      await eventually(readiness).toBe(200);
      expect(await verdict(old)).toBe(EXPIRED);
      for (const session of [later, old]) expect(await verdict(await refreshed(session))).toBe("GRANTED");
    }
    process.stdout.write(`clock-steps-sqlite: ${STEPS} steps, ${JSON.stringify(tally(diary.told))}\n`);
    expect(Object.keys(tally(diary.told))).toEqual(["done"]);
  },
  FAULT_TEST_MS,
);
