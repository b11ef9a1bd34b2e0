/** A clock that is held against the machine's count: one that is right, and one that is put back. */
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

describe("A clock that is right", () => {
  it.each([300, -300])("is followed for months though the count is off by %i parts in a million", (ppm) => {
    for (let hour = 0; hour < 90 * 24; hour += 1) {
      lab.truth.drift += (HOUR_MS * ppm) / 1e6;
      lab.pass(HOUR_MS, { every: HOUR_MS / 4 });
      expect([lab.lead(), Math.abs(lab.clock().behindMs()) < 1_000]).toEqual([0, true]);
    }
    lab.truth.error = -HOUR_MS;
    expect(Math.abs(lab.lead())).toBeLessThan(1_000);
  });

  it("and a count that stops while the machine is suspended call nothing past too early", () => {
    lab.pass(HOUR_MS);
    lab.truth.now += 8 * HOUR_MS;
    lab.truth.drift -= 8 * HOUR_MS;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, -8 * HOUR_MS]);
    expect(lab.clock().earliest()).toBe(lab.truth.now - 8 * HOUR_MS);
  });

  it("is what is past for certain, and so is one that is behind", () => {
    lab.pass(HOUR_MS);
    expect(lab.clock().earliest()).toBe(lab.truth.now);
    lab.truth.error = -HOUR_MS;
    expect(lab.clock().earliest()).toBe(lab.truth.now - HOUR_MS);
  });

  it("is late, and never early, in calling something past if it was behind at the start", () => {
    lab.truth.error = -HOUR_MS;
    lab.restart();
    lab.truth.error = HOUR_MS;
    expect(lab.clock().earliest()).toBe(lab.truth.now - HOUR_MS);
  });
});

describe("A clock that is put back", () => {
  it("by no more than the tolerance is followed", () => {
    lab.pass(HOUR_MS);
    lab.truth.error = -TOLERANCE_MS;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([-TOLERANCE_MS, TOLERANCE_MS]);
  });

  it.each([500, HOUR_MS, 30 * DAY_MS])("by more is not, for all of the %i ms that follow", (ms) => {
    lab.pass(HOUR_MS);
    lab.truth.error = -HOUR_MS;
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, HOUR_MS]);
    lab.pass(ms, { every: ms / 10 });
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, HOUR_MS]);
  });

  it("is followed again once it is right, and what was shown is never taken back", () => {
    let shown = lab.clock().now();
    const ask = () => {
      expect(lab.clock().now()).toBeGreaterThanOrEqual(shown);
      shown = lab.clock().now();
    };
    lab.pass(HOUR_MS, { every: 60 * SECOND_MS, ask });
    lab.truth.error = -HOUR_MS;
    lab.pass(HOUR_MS, { every: 60 * SECOND_MS, ask });
    lab.truth.error = 0;
    lab.pass(HOUR_MS, { every: 60 * SECOND_MS, ask });
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, 0]);
  });

  it("is noticed though the machine was suspended meanwhile, and nobody asked", () => {
    lab.truth.now += 8 * HOUR_MS;
    lab.truth.error = -HOUR_MS;
    expect(lab.lead()).toBe(0);
  });

  it("in steps that are small is noticed when they add up to more", () => {
    for (let step = 0; step < 20; step += 1) {
      lab.truth.error -= 4_000;
      lab.pass(10 * SECOND_MS, { every: SECOND_MS });
      expect(lab.lead()).toBeGreaterThanOrEqual(-TOLERANCE_MS);
    }
    expect(lab.clock().behindMs()).toBeGreaterThan(70_000);
  });

  it("again and again by a little, as one that is fast is corrected, is followed for ever", () => {
    for (let day = 0; day < 100; day += 1) {
      lab.truth.error -= 4_000;
      lab.pass(DAY_MS, { every: HOUR_MS / 2 });
      expect([lab.clock().behindMs() < 100, lab.lead()]).toEqual([true, lab.truth.error]);
    }
  });
});
