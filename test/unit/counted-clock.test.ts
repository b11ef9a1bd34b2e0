import { beforeEach, describe, expect, it } from "vitest";
import { type CountedClock, createCountedClock } from "../../src/lib/counted-clock.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TOLERANCE_MS = 5_000;

/** The true time, our clock's error, and how far the machine's count has drifted from the truth. */
let truth: { now: number; error: number; drift: number };
let clock: CountedClock;

const start = () =>
  createCountedClock({ now: () => truth.now + truth.error }, () => truth.now + truth.drift - 999_000_000);

beforeEach(() => {
  truth = { now: 1_000_000_000, error: 0, drift: 0 };
  clock = start();
});

/** Lets time pass, in steps at each of which somebody asks. */
function pass(ms: number, { every = ms, ask = (): unknown => clock.now() } = {}): void {
  for (let passed = 0; passed < ms; passed += every) {
    truth.now += every;
    ask();
  }
}

/** How far what it shows is ahead of the truth. */
const lead = () => clock.now() - truth.now;

describe("A clock that is put back", () => {
  it("by no more than the tolerance is followed", () => {
    pass(HOUR_MS);
    truth.error = -TOLERANCE_MS;
    expect([lead(), clock.behindMs()]).toEqual([-TOLERANCE_MS, TOLERANCE_MS]);
  });

  it.each([500, HOUR_MS, 30 * DAY_MS])("by more is not, for all of the %i ms that follow", (ms) => {
    pass(HOUR_MS);
    truth.error = -HOUR_MS;
    expect([lead(), clock.behindMs()]).toEqual([0, HOUR_MS]);
    pass(ms, { every: ms / 10 });
    expect([lead(), clock.behindMs()]).toEqual([0, HOUR_MS]);
  });

  it("is followed again once it is right, and what was shown is never taken back", () => {
    let shown = clock.now();
    const ask = () => {
      expect(clock.now()).toBeGreaterThanOrEqual(shown);
      shown = clock.now();
    };
    pass(HOUR_MS, { every: 60 * SECOND_MS, ask });
    truth.error = -HOUR_MS;
    pass(HOUR_MS, { every: 60 * SECOND_MS, ask });
    truth.error = 0;
    pass(HOUR_MS, { every: 60 * SECOND_MS, ask });
    expect([lead(), clock.behindMs()]).toEqual([0, 0]);
  });

  it("is noticed though the machine was suspended meanwhile, and nobody asked", () => {
    truth.now += 8 * HOUR_MS;
    truth.error = -HOUR_MS;
    expect(lead()).toBe(0);
  });

  it("in steps that are small is noticed when they add up to more", () => {
    for (let step = 0; step < 20; step += 1) {
      truth.error -= 4_000;
      pass(10 * SECOND_MS, { every: SECOND_MS });
      expect(lead()).toBeGreaterThanOrEqual(-TOLERANCE_MS);
    }
    expect(clock.behindMs()).toBeGreaterThan(70_000);
  });

  it("again and again by a little, as one that is fast is corrected, is followed for ever", () => {
    for (let day = 0; day < 100; day += 1) {
      truth.error -= 4_000;
      pass(DAY_MS, { every: HOUR_MS / 2 });
      expect([clock.behindMs() < 100, lead()]).toEqual([true, truth.error]);
    }
  });
});

describe("A clock that is put forward", () => {
  it("is believed at once, and right at once when it is put back to where it was", () => {
    pass(HOUR_MS);
    truth.error = HOUR_MS;
    expect([lead(), clock.behindMs()]).toEqual([HOUR_MS, -HOUR_MS]);
    pass(HOUR_MS - SECOND_MS, { every: SECOND_MS });
    expect(lead()).toBe(HOUR_MS);
    truth.error = 0;
    expect([lead(), clock.behindMs()]).toEqual([0, 0]);
  });

  it("takes the count along after an hour, so that a step back is noticed from then on", () => {
    truth.error = 8 * HOUR_MS;
    clock.now();
    pass(HOUR_MS, { every: SECOND_MS });
    expect([lead(), clock.behindMs()]).toEqual([8 * HOUR_MS, 0]);
    pass(10 * DAY_MS, { every: HOUR_MS });
    truth.error = 7 * HOUR_MS;
    expect([lead(), clock.behindMs()]).toEqual([8 * HOUR_MS, HOUR_MS]);
  });

  it("tells by how much and for how long, until it is put right or the hour is over", () => {
    expect(clock.ahead()).toBeNull();
    for (const error of [HOUR_MS, 0, TOLERANCE_MS + 1]) {
      truth.error = error;
      expect(clock.ahead()).toEqual(error === 0 ? null : { byMs: error, forMs: 0 });
      pass(60 * SECOND_MS, { every: SECOND_MS });
      expect(clock.ahead()).toEqual(error === 0 ? null : { byMs: error, forMs: 60 * SECOND_MS });
    }
    pass(HOUR_MS - 60 * SECOND_MS - 1);
    expect(clock.ahead()?.forMs).toBe(HOUR_MS - 1);
    pass(1);
    expect(clock.ahead()).toBeNull();
  });

  it("again, after it was believed, is doubted again", () => {
    truth.error = HOUR_MS;
    clock.now();
    pass(HOUR_MS);
    truth.error = 2 * HOUR_MS;
    expect(clock.ahead()).toEqual({ byMs: HOUR_MS, forMs: 0 });
    expect(clock.isDoubtful(truth.now + HOUR_MS)).toBe(false);
    expect(clock.isDoubtful(truth.now + HOUR_MS + 1)).toBe(true);
    expect(clock.isDoubtful(truth.now + 2 * HOUR_MS)).toBe(true);
    truth.error = HOUR_MS;
    expect([lead(), clock.behindMs(), clock.ahead()]).toEqual([HOUR_MS, 0, null]);
  });

  it.each([
    ["further forward", 6 * SECOND_MS, 8 * HOUR_MS],
    ["back by a part", 8 * HOUR_MS, HOUR_MS],
  ])("and then %s, shortly before the hour is over, is doubted for another", (_, first, second) => {
    truth.error = first;
    clock.now();
    pass(HOUR_MS - SECOND_MS, { every: SECOND_MS });
    truth.error = second;
    expect(clock.ahead()).toEqual({ byMs: second, forMs: 0 });
    pass(HOUR_MS - SECOND_MS, { every: SECOND_MS });
    expect(clock.isDoubtful(truth.now + second)).toBe(true);
    truth.error = 0;
    expect([lead(), clock.behindMs()]).toEqual([0, 0]);
  });

  it("while nobody looked for longer than an hour is doubted from the next look on", () => {
    truth.error = 6 * SECOND_MS;
    clock.now();
    truth.now += 8 * HOUR_MS;
    truth.error = DAY_MS;
    expect(clock.ahead()).toEqual({ byMs: DAY_MS, forMs: 0 });
    expect(clock.isDoubtful(truth.now + DAY_MS)).toBe(true);
  });

  it("and drifts while it is doubted is believed after the hour, not later", () => {
    truth.error = HOUR_MS;
    clock.now();
    for (let second = 0; second < 3_600; second += 1) {
      truth.drift -= 0.3;
      pass(SECOND_MS);
    }
    expect(clock.ahead()).not.toBeNull();
    pass(2 * SECOND_MS);
    expect(clock.ahead()).toBeNull();
  });

  it("takes along nothing that is past for certain", () => {
    for (const error of [TOLERANCE_MS, HOUR_MS]) {
      truth.error = error;
      pass(10 * DAY_MS, { every: HOUR_MS, ask: () => clock.earliest() });
      expect(clock.earliest()).toBe(truth.now);
    }
    truth.error = 0;
    expect(clock.earliest()).toBe(truth.now);
  });

  it("is not followed further back than to where it was", () => {
    truth.error = HOUR_MS;
    pass(HOUR_MS);
    truth.error = -HOUR_MS;
    expect([lead(), clock.behindMs()]).toEqual([0, HOUR_MS]);
  });
});

describe("A clock that is right", () => {
  it.each([300, -300])("is followed for months though the count is off by %i parts in a million", (ppm) => {
    for (let hour = 0; hour < 90 * 24; hour += 1) {
      truth.drift += (HOUR_MS * ppm) / 1e6;
      pass(HOUR_MS, { every: HOUR_MS / 4 });
      expect([lead(), Math.abs(clock.behindMs()) < 1_000]).toEqual([0, true]);
    }
    truth.error = -HOUR_MS;
    expect(Math.abs(lead())).toBeLessThan(1_000);
  });

  it("and a count that stops while the machine is suspended call nothing past too early", () => {
    pass(HOUR_MS);
    truth.now += 8 * HOUR_MS;
    truth.drift -= 8 * HOUR_MS;
    expect([lead(), clock.behindMs()]).toEqual([0, -8 * HOUR_MS]);
    expect(clock.earliest()).toBe(truth.now - 8 * HOUR_MS);
  });

  it("is what is past for certain, and so is one that is behind", () => {
    pass(HOUR_MS);
    expect(clock.earliest()).toBe(truth.now);
    truth.error = -HOUR_MS;
    expect(clock.earliest()).toBe(truth.now - HOUR_MS);
  });

  it("is late, and never early, in calling something past if it was behind at the start", () => {
    truth.error = -HOUR_MS;
    clock = start();
    truth.error = HOUR_MS;
    expect(clock.earliest()).toBe(truth.now - HOUR_MS);
  });
});

describe("A clock that is behind what was recorded before the start", () => {
  beforeEach(() => {
    truth.error = -HOUR_MS;
    clock = start();
    clock.heed(truth.now);
  });

  it("is not followed, and time goes on from the record at half the pace", () => {
    expect([lead(), clock.behindMs()]).toEqual([0, HOUR_MS]);
    pass(10 * 60 * SECOND_MS, { every: SECOND_MS });
    expect(lead()).toBe(-5 * 60 * SECOND_MS);
  });

  it("takes along nothing that is past for certain", () => {
    expect(clock.earliest()).toBe(truth.now - HOUR_MS);
  });

  it("is followed again once it is right, and then goes with the count", () => {
    pass(HOUR_MS);
    truth.error = 0;
    clock.heed(truth.now - HOUR_MS);
    expect([lead(), clock.behindMs()]).toEqual([0, 0]);
    truth.error = -HOUR_MS;
    pass(HOUR_MS, { every: SECOND_MS });
    expect([lead(), clock.behindMs()]).toEqual([0, HOUR_MS]);
  });

  it("is followed again once it has caught up, which is never a step back", () => {
    const recorded = truth.now;
    let shown = recorded;
    pass(3 * HOUR_MS, {
      every: 10 * SECOND_MS,
      ask() {
        // Nothing new is recorded.
        clock.heed(recorded);
        const now = clock.now();
        expect(now).toBeGreaterThanOrEqual(shown - TOLERANCE_MS);
        shown = now;
      },
    });
    expect([lead(), clock.behindMs()]).toEqual([-HOUR_MS, 0]);
  });

  it("goes on from what is recorded meanwhile, by processes that know better", () => {
    pass(10 * 60 * SECOND_MS);
    clock.heed(truth.now);
    expect([lead(), clock.behindMs()]).toEqual([0, HOUR_MS]);
  });

  it("is followed again when what was recorded by a clock that was ahead is deleted", () => {
    clock.heed(truth.now + 1);
    clock.heed(truth.now - HOUR_MS);
    expect([lead(), clock.behindMs()]).toEqual([-HOUR_MS, 0]);
  });

  it("is not followed for a deletion that leaves something later", () => {
    clock.heed(truth.now - HOUR_MS / 2);
    expect([lead(), clock.behindMs()]).toEqual([0, HOUR_MS]);
  });
});

describe("What is on record", () => {
  it("is of no concern if the clock is behind it by no more than the tolerance", () => {
    clock.heed(truth.now + TOLERANCE_MS);
    expect([lead(), clock.behindMs()]).toEqual([0, 0]);
  });

  it("misleads nobody who was there before: a clock that was ahead has recorded it, and is right again", () => {
    clock.heed(0);
    truth.error = HOUR_MS;
    pass(60 * SECOND_MS);
    const recorded = clock.now();
    truth.error = 0;
    clock.heed(recorded);
    expect([lead(), clock.behindMs()]).toEqual([0, 0]);
  });
});

describe("It is doubtful that a time has come", () => {
  it("if it has by what is counted, and not by a clock that is behind", () => {
    truth.error = -HOUR_MS;
    expect(clock.isDoubtful(truth.now)).toBe(true);
    expect(clock.isDoubtful(truth.now - HOUR_MS)).toBe(false);
    expect(clock.isDoubtful(truth.now + 1)).toBe(false);
  });

  it("if it has by a clock that was put forward, and not by what is counted, for an hour", () => {
    truth.error = DAY_MS;
    expect(clock.isDoubtful(truth.now)).toBe(false);
    expect(clock.isDoubtful(truth.now + DAY_MS)).toBe(true);
    expect(clock.isDoubtful(truth.now + DAY_MS + 1)).toBe(false);
    pass(HOUR_MS - 1);
    expect(clock.isDoubtful(truth.now + 1)).toBe(true);
    pass(1);
    expect(clock.isDoubtful(truth.now + 1)).toBe(false);
  });

  it("for another hour, if it was put right and forward again", () => {
    truth.error = HOUR_MS;
    clock.now();
    pass(HOUR_MS / 2);
    truth.error = 0;
    clock.now();
    truth.error = HOUR_MS;
    clock.now();
    pass(HOUR_MS - 1);
    expect(clock.isDoubtful(truth.now + 1)).toBe(true);
  });

  it("but not where both agree, as far as clocks do", () => {
    for (const error of [0, TOLERANCE_MS, -TOLERANCE_MS]) {
      truth.error = error;
      for (const time of [truth.now - 1, truth.now, truth.now + 1]) expect(clock.isDoubtful(time)).toBe(false);
    }
  });
});
