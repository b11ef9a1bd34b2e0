import { beforeEach, expect, it } from "vitest";
import { createUnhurriedClock, type UnhurriedClock } from "../../src/lib/unhurried-clock.ts";

const HOUR_MS = 3_600_000;

/** The true time, and our clock's error. */
let truth: { now: number; error: number };
let clock: UnhurriedClock;

beforeEach(() => {
  truth = { now: 1_000_000_000, error: 0 };
  clock = createUnhurriedClock({ now: () => truth.now + truth.error }, () => truth.now - 999_000_000);
});

it("A time that is past for certain goes as the clock does", () => {
  truth.now += 10 * HOUR_MS;
  expect([clock.earliest(), clock.reached()]).toEqual([truth.now, truth.now]);
});

it("It is not carried along by a clock that is put forward, and is right when that is", () => {
  truth.error = HOUR_MS;
  expect(clock.earliest()).toBe(truth.now);
  truth.now += 5_000;
  truth.error = 0;
  expect([clock.earliest(), clock.reached()]).toEqual([truth.now, truth.now]);
});

it("It goes back with a clock that is put back, and remembers how far it had come", () => {
  truth.now += 5_000;
  clock.earliest();
  truth.error = -HOUR_MS;
  expect([clock.earliest(), clock.reached()]).toEqual([truth.now - HOUR_MS, truth.now]);
});

it("It is late, and never early, if the clock was behind at the start", () => {
  const late = createUnhurriedClock({ now: () => truth.now + truth.error - HOUR_MS }, () => truth.now);
  truth.error = HOUR_MS;
  expect(late.earliest()).toBe(truth.now - HOUR_MS);
});
