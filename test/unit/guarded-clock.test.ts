import { beforeEach, describe, expect, it } from "vitest";
import { createGuardedClock, type GuardedClock } from "../../src/lib/guarded-clock.ts";

const HOUR_MS = 3_600_000;

/** The time by the other clock, our clock's error, and what it takes to ask. */
let truth: { now: number; ownError: number; isCutOff: boolean; answerTakesMs: number };
let clock: GuardedClock;

beforeEach(async () => {
  truth = { now: 1_000_000_000, ownError: 0, isCutOff: false, answerTakesMs: 0 };
  clock = createGuardedClock({
    clock: { now: () => truth.now + truth.ownError },
    async readTime() {
      if (truth.isCutOff) throw new Error("cut off");
      const time = truth.now;
      truth.now += truth.answerTakesMs;
      return time;
    },
    tick: () => truth.now - 999_000_000,
  });
  await clock.compare();
});

const pass = (ms: number) => {
  truth.now += ms;
};

describe("A clock that is held against another", () => {
  it("shows its own time while both go together", () => {
    pass(10 * HOUR_MS);
    expect([clock.now(), clock.aheadMs()]).toEqual([truth.now, 0]);
  });

  it("shows its own time while it is behind by no more than the tolerance", async () => {
    truth.ownError = -5_000;
    expect(clock.now()).toBe(truth.now - 5_000);
    await clock.compare();
    expect(clock.now()).toBe(truth.now - 5_000);
  });

  it("shows the other's from the moment at which it is put back, before anybody compares", () => {
    pass(500);
    truth.ownError = -HOUR_MS;
    pass(500);
    expect([clock.now(), clock.aheadMs()]).toEqual([truth.now, -HOUR_MS]);
  });

  it("goes on to show the other's once it has been compared, and its own again when it is right", async () => {
    truth.ownError = -HOUR_MS;
    await clock.compare();
    pass(700);
    expect(clock.now()).toBe(truth.now);
    truth.ownError = 0;
    expect(clock.now()).toBe(truth.now);
    await clock.compare();
    pass(700);
    expect([clock.now(), clock.aheadMs()]).toEqual([truth.now, 0]);
  });

  it("counts on while the other cannot be asked, and is not misled by a step meanwhile", async () => {
    truth.isCutOff = true;
    pass(2 * HOUR_MS);
    await expect(clock.compare()).rejects.toThrow("cut off");
    truth.ownError = -HOUR_MS;
    expect(clock.now()).toBe(truth.now);
    expect(clock.earliest()).toBe(truth.now - HOUR_MS);
  });

  it("is never behind the other, however long its answer took, nor takes that for a step", async () => {
    truth.answerTakesMs = 400;
    await clock.compare();
    expect([clock.now(), clock.aheadMs()]).toEqual([truth.now, 0]);
    truth.ownError = -HOUR_MS;
    await clock.compare();
    pass(100);
    expect(clock.now()).toBe(truth.now);
    expect(clock.earliest()).toBeLessThanOrEqual(truth.now - HOUR_MS);
  });

  it("shows its own time where it is ahead: what has expired by either clock has expired", async () => {
    truth.ownError = HOUR_MS;
    expect([clock.now(), clock.aheadMs()]).toEqual([truth.now + HOUR_MS, HOUR_MS]);
    await clock.compare();
    expect([clock.now(), clock.aheadMs()]).toEqual([truth.now + HOUR_MS, HOUR_MS]);
  });

  it("takes nothing for past that is not past by both", async () => {
    truth.ownError = HOUR_MS;
    expect(clock.earliest()).toBe(truth.now);
    await clock.compare();
    pass(100);
    expect(clock.earliest()).toBe(truth.now);
  });

  it("doubts that a time has come which it has passed alone, and no other", () => {
    truth.ownError = HOUR_MS;
    expect([-1, 0, 1, HOUR_MS, HOUR_MS + 1].map((ms) => clock.isDoubtful(truth.now + ms))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    truth.ownError = -HOUR_MS;
    expect([-HOUR_MS, -HOUR_MS + 1, 0, 1].map((ms) => clock.isDoubtful(truth.now + ms))).not.toContain(true);
  });

  it("shows its own time, and is off by nothing, until it is compared for the first time", () => {
    const alone = createGuardedClock({ clock: { now: () => 7 }, readTime: async () => 9, tick: () => 0 });
    expect([alone.now(), alone.earliest(), alone.aheadMs(), alone.isDoubtful(7)]).toEqual([7, 7, 0, false]);
  });
});
