/** The clock of one of two instances is set wrong by an hour, again and again, while people go to and fro. */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LoginResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, signUp } from "../support/people.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { createChance } from "./support/chance.ts";
import { createDiary, tally } from "./support/diary.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

const STEPS = scaled({ full: 14, short: 2 });
const HOUR_MS = 3_600_000;
/** Longer where others share the machine: what is asked in between must be answered in time. */
const TTL_MS = scaled({ full: 3_000, short: 6_000 });
/** What clocks that agree may differ by, and whole seconds. */
const ROUNDING_MS = 1_000;

let place: TestPlace;
/** The one whose clock goes wrong, and the other. */
let wrong: TestApp;
let right: TestApp;
let offset: number;

beforeEach(async () => {
  place = await makePlace();
  offset = 0;
  const settings = {
    SALLYPORT_DATABASE_URL: place.url,
    SALLYPORT_DATABASE_CONNECTIONS: "5",
    SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
    SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: String(TTL_MS / 1000),
    // By a clock that is ahead all sessions are over.
    SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "1800",
    SALLYPORT_HASH_PERMITS: "8",
  };
  const clockOff = (by: () => number) => ({ now: () => Date.now() + by(), advance: () => {} });
  wrong = await startApp({ settings, clock: clockOff(() => offset) });
  right = await startApp({ settings, clock: clockOff(() => 0) });
});
afterEach(async () => {
  await wrong.close();
  await right.close();
  await place.remove();
});

const readiness = async ({ url }: TestApp) => (await fetch(`${url}/readyz`)).status;
const verdictAt = async ({ url }: TestApp, { accessToken }: { accessToken: string }) =>
  verdictOf(await clientsOf(url).auth.authorize({ accessToken }));

/** How long tokens that were just issued live by the right clock, in milliseconds. */
const lifeOf = ({ accessTokenExpiresAt }: { accessTokenExpiresAt?: LoginResponse["accessTokenExpiresAt"] }) =>
  accessTokenExpiresAt === undefined ? Number.NaN : timestampMs(accessTokenExpiresAt) - Date.now();

it(
  "An instance whose clock is an hour off is not ready; no token outlives its end there, and nobody is signed out",
  async () => {
    const chance = createChance("clock-steps");
    const diary = createDiary({ url: () => wrong.url, chance, people: 3, deadlineMs: 10_000 });
    await signUp(right, "watched");
    for (let step = 0; step < STEPS; step += 1) {
      const direction = [1, -1][step] ?? chance.oneOf([1, -1]);
      const [ended, old, held] = await Promise.all([1, 2, 3].map(async () => (await logIn(right, "watched")).tokens));
      if (ended === undefined || old === undefined || held === undefined) throw new Error("nobody is in");
      await clientsOf(right.url).auth.logout({ refreshToken: ended.refreshToken });
      const stop = diary.live();
      offset = direction * HOUR_MS;
      expect(await readiness(wrong)).toBe(503);
      expect(await readiness(right)).toBe(200);
      // What was revoked stays so, and what is issued there lives no longer than it may.
      await eventually(() => verdictAt(wrong, ended)).not.toBe("GRANTED");
      const fresh = await clientsOf(wrong.url).auth.refresh({ refreshToken: held.refreshToken });
      expect(lifeOf(fresh)).toBeLessThanOrEqual(TTL_MS + ROUNDING_MS);
      await pause(chance.between(200, 800));
      await pause(Math.max(0, lifeOf(old)) + 1);
      expect(await verdictAt(wrong, old)).toBe("TOKEN_EXPIRED, REFRESH");
      expect(await readiness(wrong)).toBe(503);
      offset = 0;
      expect(await verdictAt(wrong, old)).toBe("TOKEN_EXPIRED, REFRESH");
      expect(await verdictAt(wrong, ended)).not.toBe("GRANTED");
      await eventually(() => readiness(wrong)).toBe(200);
      for (const { refreshToken } of [fresh, old]) {
        const next = await clientsOf(wrong.url).auth.refresh({ refreshToken });
        for (const app of [wrong, right]) expect(await verdictAt(app, next)).toBe("GRANTED");
      }
      await stop();
      expect(await diary.contradictions()).toEqual([]);
    }
    process.stdout.write(`clock-steps: ${STEPS} steps, ${JSON.stringify(tally(diary.told))}\n`);
    expect(Object.keys(tally(diary.told))).toEqual(["done"]);
  },
  FAULT_TEST_MS,
);
