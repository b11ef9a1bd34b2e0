/** A clock that is held against what was recorded before the start. */
import { beforeEach, describe, expect, it } from "vitest";
import { type CountedClockLab, createCountedClockLab } from "../support/counted-clock-lab.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const TOLERANCE_MS = 5_000;

let lab: CountedClockLab;
beforeEach(() => {
  lab = createCountedClockLab();
});

describe("A clock that is behind what was recorded before the start", () => {
  beforeEach(() => {
    lab.truth.error = -HOUR_MS;
    lab.restart();
    lab.clock().heed(lab.truth.now);
  });

  it("is not followed, and time goes on from the record at half the pace", () => {
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, HOUR_MS]);
    lab.pass(10 * 60 * SECOND_MS, { every: SECOND_MS });
    expect(lab.lead()).toBe(-5 * 60 * SECOND_MS);
  });

  it("takes along nothing that is past for certain", () => {
    expect(lab.clock().earliest()).toBe(lab.truth.now - HOUR_MS);
  });

  it("is followed again once it is right, and then goes with the count", () => {
    lab.pass(HOUR_MS);
    lab.truth.error = 0;
    lab.clock().heed(lab.truth.now - HOUR_MS);
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, 0]);
    lab.truth.error = -HOUR_MS;
    lab.pass(HOUR_MS, { every: SECOND_MS });
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, HOUR_MS]);
  });

  it("is followed again once it has caught up, which is never a step back", () => {
    const recorded = lab.truth.now;
    let shown = recorded;
    lab.pass(3 * HOUR_MS, {
      every: 10 * SECOND_MS,
      ask() {
        // Nothing new is recorded.
        lab.clock().heed(recorded);
        const now = lab.clock().now();
        expect(now).toBeGreaterThanOrEqual(shown - TOLERANCE_MS);
        shown = now;
      },
    });
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([-HOUR_MS, 0]);
  });

  it("goes on from what is recorded meanwhile, by processes that know better", () => {
    lab.pass(10 * 60 * SECOND_MS);
    lab.clock().heed(lab.truth.now);
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, HOUR_MS]);
  });

  it("is followed again when what was recorded by a clock that was ahead is deleted", () => {
    lab.clock().heed(lab.truth.now + 1);
    lab.clock().heed(lab.truth.now - HOUR_MS);
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([-HOUR_MS, 0]);
  });

  it("is not followed for a deletion that leaves something later", () => {
    lab.clock().heed(lab.truth.now - HOUR_MS / 2);
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, HOUR_MS]);
  });
});

describe("What is on record", () => {
  it("is of no concern if the clock is behind it by no more than the tolerance", () => {
    lab.clock().heed(lab.truth.now + TOLERANCE_MS);
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, 0]);
  });

  it("misleads nobody who was there before: a clock that was ahead has recorded it, and is right again", () => {
    lab.clock().heed(0);
    lab.truth.error = HOUR_MS;
    lab.pass(60 * SECOND_MS);
    const recorded = lab.clock().now();
    lab.truth.error = 0;
    lab.clock().heed(recorded);
    expect([lab.lead(), lab.clock().behindMs()]).toEqual([0, 0]);
  });
});
