/** What a verifier takes for the server's time, whatever clocks and networks do. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createElapsed } from "../../src/lib/elapsed.ts";
import { createServerTime } from "../../src/verifier/server-time.ts";

/** The worst that quartz does, and slewing on top, as a part of the time that passes. */
const DRIFT = 0.0002;

/** A world with a true time, a server whose clock shows it, and a machine of ours whose clock runs at another rate. */
function createWorld({ rate = 1, offset = 0 } = {}) {
  let time = 1_800_000_000_000;
  const begin = time;
  const tick = () => (time - begin) * rate;
  const serverTime = createServerTime({ tick, wall: () => time * rate + offset });
  return {
    serverTime,
    tick,
    truth: () => time,
    pass(milliseconds: number) {
      time += milliseconds;
    },
    /** Makes a call; `there` and `back` are how long its two ways take. */
    call(there: number, back: number) {
      const calledAt = tick();
      time += there;
      const stated = time;
      time += back;
      serverTime.start(calledAt, stated);
    },
    /** Hears a message that was under way for so long. */
    hear: (delay: number) => serverTime.hear(time - delay),
    /** How far the estimate is ahead of the truth. */
    error: () => serverTime.now() - time,
  };
}

const delay = fc.integer({ min: 0, max: 5_000 });
const step = fc.record({ pass: fc.integer({ min: 0, max: 60_000 }), delay });

describe("The server's time", () => {
  it("is never early after a call, and late by no more than its round trip, on clocks that keep time", () => {
    fc.assert(
      fc.property(delay, delay, fc.array(fc.integer({ min: 0, max: 10_000 })), (there, back, pauses) => {
        const world = createWorld();
        world.call(there, back);
        for (const pause of pauses) {
          world.pass(pause);
          expect(world.error()).toBeGreaterThanOrEqual(0);
          expect(world.error()).toBeLessThanOrEqual(there + back);
        }
      }),
    );
  });

  it("is early by no more than what clocks drift, or the least delay, whatever messages are delayed by", () => {
    const rates = fc.double({ min: 1 - DRIFT, max: 1 + DRIFT, noNaN: true });
    fc.assert(
      fc.property(rates, delay, delay, fc.array(step, { maxLength: 60 }), (rate, there, back, steps) => {
        const world = createWorld({ rate, offset: 1e9 });
        world.call(there, back);
        let passed = 0;
        let least = Number.POSITIVE_INFINITY;
        for (const { pass, delay } of steps) {
          world.pass(pass);
          world.hear(delay);
          passed += pass + delay;
          least = Math.min(least, delay + 2 * DRIFT * passed);
          const drifted = 2 * DRIFT * (passed + there + back) + 0.01;
          expect(world.error()).toBeGreaterThanOrEqual(-Math.min(Math.max(drifted, 0.01), least + drifted));
          expect(world.error()).toBeLessThanOrEqual(there + back + drifted);
        }
      }),
    );
  });

  it("follows the server's clock at once when that is put forward, and tells doubt when it is put back", () => {
    const world = createWorld();
    world.call(10, 10);
    world.serverTime.hear(world.truth() + 5_000);
    expect(world.error()).toBe(5_000);
    expect(world.serverTime.doubtMs()).toBe(0);
    world.serverTime.hear(world.truth() - 60_000);
    expect(world.error()).toBeGreaterThan(4_990);
    expect(world.serverTime.doubtMs()).toBeGreaterThan(60_000);
    world.call(10, 10);
    expect(world.error()).toBe(10);
    expect(world.serverTime.doubtMs()).toBe(0);
  });

  it("doubts a call that took long to be made, once a message shows it", () => {
    const world = createWorld();
    world.call(3_000, 5);
    world.pass(1_000);
    world.hear(5);
    expect(world.serverTime.doubtMs()).toBeGreaterThan(2_500);
  });

  it("does not fall back at once for messages that come late", () => {
    const world = createWorld();
    world.call(1, 1);
    for (let second = 0; second < 60; second += 1) {
      world.pass(1_000);
      world.hear(8_000);
    }
    expect(world.error()).toBeGreaterThan(-60 * 1_000 * DRIFT - 1);
  });

  it("before the first message is this machine's, and does not go back with it", () => {
    let wall = 5_000_000;
    let tick = 70;
    const serverTime = createServerTime({ tick: () => tick, wall: () => wall });
    expect(serverTime.now()).toBe(5_000_000);
    wall += 1_000;
    expect(serverTime.now()).toBe(5_001_000);
    wall -= 3_000_000;
    tick += 500;
    expect(serverTime.now()).toBe(5_000_500);
  });
});

describe("Time that passes", () => {
  function createMachine() {
    let monotonic = 100;
    let wall = 1_800_000_000_000;
    const elapsed = createElapsed(
      () => monotonic,
      () => wall,
    );
    return {
      elapsed,
      run(milliseconds: number) {
        monotonic += milliseconds;
        wall += milliseconds;
      },
      suspend(milliseconds: number) {
        wall += milliseconds;
      },
    };
  }

  it("passes while the machine is suspended, too", () => {
    const { elapsed, run, suspend } = createMachine();
    const before = elapsed();
    run(50);
    suspend(3_600_000);
    expect(elapsed() - before).toBe(3_600_050);
    run(50);
    expect(elapsed() - before).toBe(3_600_100);
  });

  it("never goes back, and is not moved by a clock that is put right by little or put back by much", () => {
    const { elapsed, run, suspend } = createMachine();
    const before = elapsed();
    for (const adjustment of [900, -900, -86_400_000, 500]) {
      suspend(adjustment);
      run(10);
    }
    expect(elapsed() - before).toBe(40);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1e6), fc.integer({ min: -1e7, max: 1e7 }))), (steps) => {
        const machine = createMachine();
        let last = machine.elapsed();
        for (const [milliseconds, adjustment] of steps) {
          machine.run(milliseconds);
          machine.suspend(adjustment);
          const now = machine.elapsed();
          expect(now).toBeGreaterThanOrEqual(last + milliseconds);
          last = now;
        }
      }),
    );
  });
});
