import { beforeEach, expect, it } from "vitest";
import { createMachineCount } from "../../src/lib/machine-count.ts";

/** What passed since the system was started, and how much of that the machine was suspended. */
let truth: { passed: number; suspended: number };
let count: () => number;
let begun: number;

beforeEach(() => {
  truth = { passed: 90_000_007, suspended: 3_000_000 };
  count = createMachineCount(
    () => truth.passed - truth.suspended,
    () => Math.floor(truth.passed / 10) * 10,
  );
  begun = count();
});

const counted = () => count() - begun;

it("What is counted is exact, though the system tells it in hundredths of a second", () => {
  for (let passed = 1; passed <= 30; passed += 1) {
    truth.passed += 1;
    expect(counted()).toBe(passed);
  }
});

it("It goes on while the machine is suspended, time after time", () => {
  for (const passed of [3_600_000, 7_200_000]) {
    truth.passed += 3_600_000;
    truth.suspended += 3_600_000;
    expect(Math.abs(counted() - passed)).toBeLessThanOrEqual(20);
  }
});

it("It never goes back, and is misled by no count that lags", () => {
  let before = counted();
  for (const late of [0, 10, 20, 0, 40, 5]) {
    truth.passed += 7 - late;
    truth.suspended -= late;
    expect(counted()).toBe(before + 7);
    before += 7;
  }
});

it("The machine's own goes with Node's while nobody suspends it", async () => {
  const real = createMachineCount();
  const [from, began] = [real(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 200));
  const [counted, passed] = [real() - from, performance.now() - began];
  expect(passed).toBeGreaterThan(190);
  expect(Math.abs(counted - passed)).toBeLessThan(50);
});
