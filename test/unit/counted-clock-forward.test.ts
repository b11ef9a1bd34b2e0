/** A clock that is held against the machine's count, and put forward: believed, and doubted for a while. */
import { beforeEach, describe, expect, it } from "vitest";
import { type CountedClockLab, createCountedClockLab } from "../support/counted-clock-lab.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TOLERANCE_MS = 5_000;

let lab: CountedClockLab;
beforeEach(() => {
  lab = createCountedClockLab();
});

describe("A clock that is put forward", () => {
  it("is believed at once, and right at once when it is put back to where it was", () => {
    lab.pass(HOUR_MS);
    lab.truth.error = HOUR_MS;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([HOUR_MS, -HOUR_MS]);
    lab.pass(HOUR_MS - SECOND_MS, { every: SECOND_MS });
    expect(lab.lead()).toBe(HOUR_MS);
    lab.truth.error = 0;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, 0]);
  });

  it("takes the count along after an hour, so that a step back is noticed from then on", () => {
    lab.truth.error = 8 * HOUR_MS;
    lab.clock().now();
    lab.pass(HOUR_MS, { every: SECOND_MS });
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([8 * HOUR_MS, 0]);
    lab.pass(10 * DAY_MS, { every: HOUR_MS });
    lab.truth.error = 7 * HOUR_MS;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([8 * HOUR_MS, HOUR_MS]);
  });

  it("tells by how much and for how long, until it is put right or the hour is over", () => {
    expect(lab.clock().ahead()).toBeNull();
    for (const error of [HOUR_MS, 0, TOLERANCE_MS + 1]) {
      lab.truth.error = error;
      expect(lab.clock().ahead()).toEqual(error === 0 ? null : { byMs: error, forMs: 0 });
      lab.pass(60 * SECOND_MS, { every: SECOND_MS });
      expect(lab.clock().ahead()).toEqual(error === 0 ? null : { byMs: error, forMs: 60 * SECOND_MS });
    }
    lab.pass(HOUR_MS - 60 * SECOND_MS - 1);
    expect(lab.clock().ahead()?.forMs).toBe(HOUR_MS - 1);
    lab.pass(1);
    expect(lab.clock().ahead()).toBeNull();
  });

  it("again, after it was believed, is doubted again", () => {
    lab.truth.error = HOUR_MS;
    lab.clock().now();
    lab.pass(HOUR_MS);
    lab.truth.error = 2 * HOUR_MS;
    expect(lab.clock().ahead()).toEqual({ byMs: HOUR_MS, forMs: 0 });
    expect(lab.clock().isDoubtful(lab.truth.now + HOUR_MS)).toBe(false);
    expect(lab.clock().isDoubtful(lab.truth.now + HOUR_MS + 1)).toBe(true);
    expect(lab.clock().isDoubtful(lab.truth.now + 2 * HOUR_MS)).toBe(true);
    lab.truth.error = HOUR_MS;
    expect([lab.lead(), lab.clock().behindMs(), lab.clock().ahead()]).toEqual([HOUR_MS, 0, null]);
  });

  it.each([
    ["further forward", 6 * SECOND_MS, 8 * HOUR_MS],
    ["back by a part", 8 * HOUR_MS, HOUR_MS],
  ])("and then %s, shortly before the hour is over, is doubted for another", (_, first, second) => {
    lab.truth.error = first;
    lab.clock().now();
    lab.pass(HOUR_MS - SECOND_MS, { every: SECOND_MS });
    lab.truth.error = second;
    expect(lab.clock().ahead()).toEqual({ byMs: second, forMs: 0 });
    lab.pass(HOUR_MS - SECOND_MS, { every: SECOND_MS });
    expect(lab.clock().isDoubtful(lab.truth.now + second)).toBe(true);
    lab.truth.error = 0;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, 0]);
  });

  it("while nobody looked for longer than an hour is doubted from the next look on", () => {
    lab.truth.error = 6 * SECOND_MS;
    lab.clock().now();
    lab.truth.now += 8 * HOUR_MS;
    lab.truth.error = DAY_MS;
    expect(lab.clock().ahead()).toEqual({ byMs: DAY_MS, forMs: 0 });
    expect(lab.clock().isDoubtful(lab.truth.now + DAY_MS)).toBe(true);
  });

  it("and drifts while it is doubted is believed after the hour, not later", () => {
    lab.truth.error = HOUR_MS;
    lab.clock().now();
    for (let second = 0; second < 3_600; second += 1) {
      lab.truth.drift -= 0.3;
      lab.pass(SECOND_MS);
    }
    expect(lab.clock().ahead()).not.toBeNull();
    lab.pass(2 * SECOND_MS);
    expect(lab.clock().ahead()).toBeNull();
  });

  it("takes along nothing that is past for certain", () => {
    for (const error of [TOLERANCE_MS, HOUR_MS]) {
      lab.truth.error = error;
      lab.pass(10 * DAY_MS, { every: HOUR_MS, ask: () => lab.clock().earliest() });
      expect(lab.clock().earliest()).toBe(lab.truth.now);
    }
    lab.truth.error = 0;
    expect(lab.clock().earliest()).toBe(lab.truth.now);
  });

  it("is not followed further back than to where it was", () => {
    lab.truth.error = HOUR_MS;
    lab.pass(HOUR_MS);
    lab.truth.error = -HOUR_MS;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, HOUR_MS]);
  });
});

describe("It is doubtful that a time has come", () => {
  it("if it has by what is counted, and not by a clock that is behind", () => {
    lab.truth.error = -HOUR_MS;
    expect(lab.clock().isDoubtful(lab.truth.now)).toBe(true);
    expect(lab.clock().isDoubtful(lab.truth.now - HOUR_MS)).toBe(false);
    expect(lab.clock().isDoubtful(lab.truth.now + 1)).toBe(false);
  });

  it("if it has by a clock that was put forward, and not by what is counted, for an hour", () => {
    lab.truth.error = DAY_MS;
    expect(lab.clock().isDoubtful(lab.truth.now)).toBe(false);
    expect(lab.clock().isDoubtful(lab.truth.now + DAY_MS)).toBe(true);
    expect(lab.clock().isDoubtful(lab.truth.now + DAY_MS + 1)).toBe(false);
    lab.pass(HOUR_MS - 1);
    expect(lab.clock().isDoubtful(lab.truth.now + 1)).toBe(true);
    lab.pass(1);
    expect(lab.clock().isDoubtful(lab.truth.now + 1)).toBe(false);
  });

  it("for another hour, if it was put right and forward again", () => {
    lab.truth.error = HOUR_MS;
    lab.clock().now();
    lab.pass(HOUR_MS / 2);
    lab.truth.error = 0;
    lab.clock().now();
    lab.truth.error = HOUR_MS;
    lab.clock().now();
    lab.pass(HOUR_MS - 1);
    expect(lab.clock().isDoubtful(lab.truth.now + 1)).toBe(true);
  });

  it("but not where both agree, as far as clocks do", () => {
    for (const error of [0, TOLERANCE_MS, -TOLERANCE_MS]) {
      lab.truth.error = error;
      for (const time of [lab.truth.now - 1, lab.truth.now, lab.truth.now + 1])
        expect(lab.clock().isDoubtful(time)).toBe(false);
    }
  });
});
