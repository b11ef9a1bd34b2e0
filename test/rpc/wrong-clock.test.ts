/** A clock that was put back or forward on SQLite, where no other tells the time: what is good, and until when. */
import { rmSync } from "node:fs";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LoginResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { createFakeClock, type WrongClock } from "../support/fake-clock.ts";
import { logIn, signUp } from "../support/people.ts";
import { refresh } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { verdictAt } from "../support/two-apps.ts";

const TTL_MS = 600_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const IDLE_MS = 14 * DAY_MS;
const EXPIRED = "TOKEN_EXPIRED, REFRESH";

let dataDir: string;
let clock: WrongClock;
let app: TestApp;
let tokens: LoginResponse;

beforeEach(async () => {
  dataDir = temporaryFolder();
  clock = createFakeClock();
  app = await startApp({ dataDir, clock });
  await signUp(app, "ada");
  ({ tokens } = await logIn(app, "ada"));
});
afterEach(async () => {
  await app.close();
  rmSync(dataDir, { recursive: true });
});

const readiness = async () => (await fetch(`${app.url}/readyz`)).status;
const verdict = ({ accessToken } = tokens) => verdictAt(app, accessToken);
const expiryOf = ({ accessTokenExpiresAt }: Pick<LoginResponse, "accessTokenExpiresAt">) =>
  accessTokenExpiresAt === undefined ? Number.NaN : timestampMs(accessTokenExpiresAt);

async function restart(): Promise<void> {
  await app.close();
  app = await startApp({ dataDir, clock });
}

describe("While the clock is an hour behind", () => {
  it("a token that had expired stays expired, however long that lasts", async () => {
    clock.advance(TTL_MS);
    expect(await verdict()).toBe(EXPIRED);
    clock.step(-HOUR_MS);
    for (const passed of [0, TTL_MS, DAY_MS]) {
      clock.advance(passed);
      expect([await verdict(), await readiness()]).toEqual([EXPIRED, 503]);
    }
    clock.step(HOUR_MS);
    expect(await verdict()).toBe(EXPIRED);
    await expect.poll(readiness).toBe(200);
  });

  it("a token that lives does so to its end, to the millisecond", async () => {
    clock.step(-HOUR_MS);
    clock.advance(TTL_MS - 1);
    expect(await verdict()).toBe("GRANTED");
    clock.advance(1);
    expect(await verdict()).toBe(EXPIRED);
  });

  it("sessions go on, and what is issued ends when it would have by a clock that is right", async () => {
    clock.advance(TTL_MS);
    const trueTime = clock.now();
    clock.step(-HOUR_MS);
    const next = await refresh(app, tokens.refreshToken);
    const { tokens: others } = await logIn(app, "ada");
    for (const issued of [next, others]) expect(expiryOf(issued)).toBe(trueTime + TTL_MS);
    for (const { accessToken } of [next, others]) expect(await verdictAt(app, accessToken)).toBe("GRANTED");
    clock.step(HOUR_MS);
    expect(await verdictAt(app, next.accessToken)).toBe("GRANTED");
    await expect.poll(readiness).toBe(200);
  });

  it("a session that is over by the time counted, though not by the clock, is refused without being called so", async () => {
    clock.advance(IDLE_MS);
    clock.step(-HOUR_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({
      reason: "UNAVAILABLE",
      retryDelayMs: 5_000,
    });
    clock.step(HOUR_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({ reason: "REFRESH_TOKEN_EXPIRED" });
  });

  it("a token that is over is not exchanged again, though its successor lives and it was just exchanged", async () => {
    clock.advance(IDLE_MS - 1_000);
    const { refreshToken } = await refresh(app, tokens.refreshToken);
    clock.advance(1_000);
    clock.step(-HOUR_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({
      reason: "UNAVAILABLE",
      retryDelayMs: 5_000,
    });
    expect((await refresh(app, refreshToken)).sessionId).toBe(tokens.sessionId);
  });

  it("a session that is over by either is called so", async () => {
    clock.advance(IDLE_MS + HOUR_MS);
    clock.step(-HOUR_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({ reason: "REFRESH_TOKEN_EXPIRED" });
  });
});

describe("A start by a clock that is an hour behind the newest event", () => {
  /** Lets the token expire and something be recorded after that, and starts anew. */
  beforeEach(async () => {
    clock.advance(TTL_MS);
    await signUp(app, "bob");
    clock.step(-HOUR_MS);
    await restart();
  });

  it("revives nothing that had expired by then, however often it is started", async () => {
    for (const passed of [0, TTL_MS, HOUR_MS]) {
      clock.advance(passed);
      expect([await verdict(), await readiness()]).toEqual([EXPIRED, 503]);
      await restart();
    }
  });

  it("signs nobody out, and issues what is good", async () => {
    const next = await refresh(app, tokens.refreshToken);
    expect(await verdictAt(app, next.accessToken)).toBe("GRANTED");
    await restart();
    expect(await verdictAt(app, next.accessToken)).toBe("GRANTED");
    clock.step(HOUR_MS);
    await restart();
    expect([await verdictAt(app, next.accessToken), await readiness()]).toEqual(["GRANTED", 200]);
  });

  it("times what commands do by that event, too", async () => {
    const time = await app.beside(async (core) => core.store.write(async ({ now }) => now));
    expect(time).toBe(clock.now() + HOUR_MS);
  });

  it("is one by a clock that is right, for all that it can know, and recovers by itself", async () => {
    clock.advance(2 * HOUR_MS);
    await expect.poll(readiness).toBe(200);
    const { tokens: fresh } = await logIn(app, "ada");
    expect(expiryOf(fresh)).toBe(Math.floor((clock.now() + TTL_MS) / 1000) * 1000);
  });
});

describe("While the clock is an hour ahead", () => {
  it("a session that is over by it alone is refused without being called so, and goes on when it is right", async () => {
    clock.advance(IDLE_MS - HOUR_MS / 2);
    clock.step(HOUR_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({
      reason: "UNAVAILABLE",
      retryDelayMs: 5_000,
    });
    clock.step(-HOUR_MS);
    expect((await refresh(app, tokens.refreshToken)).sessionId).toBe(tokens.sessionId);
  });

  it("for more than an hour, it is believed: the session is called over", async () => {
    clock.advance(IDLE_MS - 3 * HOUR_MS);
    clock.step(4 * HOUR_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({
      reason: "UNAVAILABLE",
      retryDelayMs: 5_000,
    });
    clock.advance(HOUR_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({ reason: "REFRESH_TOKEN_EXPIRED" });
  });
});

describe("After a clock was an hour ahead, and nothing was recorded", () => {
  it("tokens that were refused meanwhile are good at once, and what was revoked is not", async () => {
    const { tokens: ended } = await logIn(app, "ada");
    await clientsOf(app.url).auth.logout({ refreshToken: ended.refreshToken });
    clock.step(HOUR_MS);
    expect([await verdict(), await verdict(ended)]).toEqual([EXPIRED, EXPIRED]);
    clock.step(-HOUR_MS);
    expect([await verdict(), await verdict(ended)]).toEqual(["GRANTED", "SESSION_REVOKED, LOG_IN"]);
    expect(await readiness()).toBe(200);
  });
});
