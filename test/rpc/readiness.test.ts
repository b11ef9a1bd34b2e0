/** An instance whose clock went back: it says so, and balancers send their work elsewhere until it is right. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { createFakeClock, type WrongClock } from "../support/fake-clock.ts";
import { signUp, welcome } from "../support/people.ts";

const TOLERANCE_MS = 5_000;
/** The clock is looked at every second. */
const PATIENT = { timeout: 5_000 };

let dataDir: string;
let clock: WrongClock;
let app: TestApp;

beforeEach(async () => {
  dataDir = temporaryFolder();
  clock = createFakeClock();
  app = await startApp({ dataDir, clock, settings: { SALLYPORT_METRICS: "on" } });
});
afterEach(async () => {
  await app.close();
  rmSync(dataDir, { recursive: true });
});

const readiness = async () => (await fetch(`${app.url}/readyz`)).status;
/** Time for the log to be read, by a clock that is wrong or right: until then it is stale by a clock that was put forward. */
const letItBeRead = () => new Promise((resolve) => setTimeout(resolve, 400));
const said = (event: string) => app.logged().filter((line) => line.event === event);

/** Stops the instance and starts it again as much later, or earlier. */
async function restartAfter(milliseconds: number): Promise<void> {
  await app.close();
  clock.step(milliseconds);
  app = await startApp({ dataDir, clock });
}

describe("A clock that goes back while the instance runs", () => {
  it("by no more than the tolerance is nobody's concern", async () => {
    clock.step(-TOLERANCE_MS);
    expect(await readiness()).toBe(200);
  });

  it("by more makes it not ready at once, and is said once", async () => {
    clock.step(-TOLERANCE_MS - 1);
    expect(await readiness()).toBe(503);
    const figures = await (await fetch(`${app.url}/metrics`)).text();
    expect(figures).toContain("sallyport_ready 0");
    await expect.poll(() => said("clock_behind"), PATIENT).toHaveLength(1);
    expect(said("clock_behind")).toMatchObject([{ level: "error", behind_ms: TOLERANCE_MS + 1 }]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(said("clock_behind")).toHaveLength(1);
  });

  it("makes it not ready though nothing was recorded for a day", async () => {
    clock.advance(86_400_000);
    await expect.poll(readiness, PATIENT).toBe(200);
    clock.step(-TOLERANCE_MS - 1);
    expect(await readiness()).toBe(503);
  });

  it("keeps no one from an answer: not ready is a word to balancers", async () => {
    clock.step(-TOLERANCE_MS - 1);
    const { decision } = await clientsOf(app.url).auth.authorize({ accessToken: "nonsense" });
    expect(decision.case).toBe("denied");
  });

  it("is ready again when the clock has caught up, which is said too", async () => {
    clock.step(-60_000);
    await expect.poll(() => said("clock_behind"), PATIENT).toHaveLength(1);
    clock.step(60_000 - TOLERANCE_MS);
    await expect.poll(readiness, PATIENT).toBe(200);
    await expect.poll(() => said("clock_right_again"), PATIENT).toHaveLength(1);
  });
});

describe("A clock that went back while the instance was stopped", () => {
  it("behind the newest event in the database keeps it from being ready", async () => {
    await signUp(app, "ada");
    await restartAfter(-TOLERANCE_MS - 1);
    expect(await readiness()).toBe(503);
    expect(said("clock_behind")).toHaveLength(1);
  });

  it("by no more than the tolerance does not", async () => {
    await signUp(app, "ada");
    await restartAfter(-TOLERANCE_MS);
    expect(await readiness()).toBe(200);
    expect(said("clock_behind")).toEqual([]);
  });

  it("is forgiven once the times from the future are out of the database", async () => {
    clock.step(3_600_000);
    await signUp(app, "ada");
    await restartAfter(-3_600_000);
    expect(await readiness()).toBe(503);
    const operator = new Database(join(dataDir, "sallyport.db"));
    operator.prepare("delete from audit_events where recorded_at > ?").run(clock.now());
    operator.close();
    await expect.poll(readiness, PATIENT).toBe(200);
  });
});

describe("A clock that was ahead for a while and is right again", () => {
  const HOUR_MS = 3_600_000;
  it("is trusted again, if nothing was recorded meanwhile", async () => {
    clock.step(HOUR_MS);
    await letItBeRead();
    clock.step(-HOUR_MS);
    await expect.poll(readiness, PATIENT).toBe(200);
    const { asOf } = await clientsOf(app.url).auth.authorize({ accessToken: "nonsense" });
    expect(Number(asOf?.seconds)).toBeLessThanOrEqual(clock.now() / 1000);
  });

  it("has made nobody forget what was revoked, not even for a moment", async () => {
    const { tokens, auth } = await welcome(app, "ada");
    await auth.logout({ refreshToken: tokens.refreshToken });
    clock.step(HOUR_MS);
    await letItBeRead();
    clock.step(-HOUR_MS);
    expect(verdictOf(await auth.authorize({ accessToken: tokens.accessToken }))).toBe("SESSION_REVOKED, LOG_IN");
  });

  it("is not trusted, if something was recorded meanwhile: tokens that live too long may be out", async () => {
    clock.step(HOUR_MS);
    await signUp(app, "ada");
    clock.step(-HOUR_MS);
    await expect.poll(() => said("clock_behind"), PATIENT).toHaveLength(1);
    expect(await readiness()).toBe(503);
  });
});

it("A clock that goes forward as time does, while the machine sleeps, is ready as soon as the log is read", async () => {
  clock.advance(3_600_000);
  await expect.poll(readiness, PATIENT).toBe(200);
  expect(said("clock_ahead")).toEqual([]);
});

describe("A clock that is put forward", () => {
  const STEP_MS = 3_600_000;
  const SETTLING_MS = 60_000;

  it("by no more than the tolerance is nobody's concern", async () => {
    clock.step(TOLERANCE_MS);
    expect(await readiness()).toBe(200);
  });

  it("by more makes it not ready, and is said once", async () => {
    clock.step(TOLERANCE_MS + 1);
    expect(await readiness()).toBe(503);
    await expect.poll(() => said("clock_ahead"), PATIENT).toHaveLength(1);
    expect(said("clock_ahead")).toMatchObject([{ level: "error", ahead_ms: TOLERANCE_MS + 1 }]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect([said("clock_ahead").length, said("clock_behind").length]).toEqual([1, 0]);
    expect(await readiness()).toBe(503);
  });

  it("is believed after a minute, which is said too: it may have been late before", async () => {
    clock.step(STEP_MS);
    await expect.poll(() => said("clock_ahead"), PATIENT).toHaveLength(1);
    clock.advance(SETTLING_MS - 1);
    await letItBeRead();
    expect([await readiness(), said("clock_believed")]).toEqual([503, []]);
    clock.advance(1);
    await expect.poll(readiness, PATIENT).toBe(200);
    await expect.poll(() => said("clock_believed"), PATIENT).toMatchObject([{ level: "warn" }]);
    expect(said("clock_right_again")).toEqual([]);
  });

  it("is ready at once when it is put right, which is said", async () => {
    clock.step(STEP_MS);
    await expect.poll(() => said("clock_ahead"), PATIENT).toHaveLength(1);
    clock.step(-STEP_MS);
    expect(await readiness()).toBe(200);
    await expect.poll(() => said("clock_right_again"), PATIENT).toHaveLength(1);
    expect(said("clock_believed")).toEqual([]);
  });

  it.each([
    ["long after", STEP_MS],
    ["two minutes after", 2 * SETTLING_MS],
  ])("a second time, %s, makes it not ready again", async (_, between) => {
    clock.step(STEP_MS);
    await letItBeRead();
    expect(await readiness()).toBe(503);
    clock.advance(between);
    await expect.poll(readiness, PATIENT).toBe(200);
    clock.step(STEP_MS);
    await letItBeRead();
    expect(await readiness()).toBe(503);
  });
});
