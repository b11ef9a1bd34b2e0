import { randomInt } from "node:crypto";

/** Random choices that can be made again. */
export interface Chance {
  readonly seed: number;
  /** At least 0, less than 1. */
  readonly fraction: () => number;
  /** A whole number from `least` to `most`, both included. */
  readonly between: (least: number, most: number) => number;
  readonly oneOf: <T>(choices: readonly [T, ...T[]]) => T;
}

/**
 * Choices for one test, whose seed is printed at once, so that it is known whatever the test ends in. A seed in
 * `SALLYPORT_TEST_SEED` is taken instead of a new one.
 */
export const createChance = (name: string): Chance => {
  const seed = Number(process.env.SALLYPORT_TEST_SEED ?? randomInt(2 ** 31));
  process.stdout.write(`${name}: SALLYPORT_TEST_SEED=${seed}\n`);
  let state = seed;
  // The generator known as mulberry32: 32 bits of state are plenty for choosing moments and operations.
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + Math.floor(fraction() * (most - least + 1));
  const oneOf = <T>(choices: readonly [T, ...T[]]): T => choices[between(0, choices.length - 1)] ?? choices[0];
  return { seed, fraction, between, oneOf };
};
