import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIdFilter, type IdFilter, SEGMENTS, segmentOf } from "../../src/check/id-filter.ts";

const last = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ add: last }) },
  { weight: 1, arbitrary: fc.record({ grow: fc.constantFrom(32, 64, 1024, 4096) }) },
  { weight: 1, arbitrary: fc.record({ clear: last }) },
);

type Step = { readonly add: number } | { readonly grow: number } | { readonly clear: number };

/** Takes the step, in the filter and in the plainest way. */
function take(one: Step, filter: IdFilter, there: readonly number[]): readonly number[] {
  if ("add" in one) {
    filter.add(one.add);
    return [...there, one.add];
  }
  if ("grow" in one) {
    filter.grow(one.grow);
    return there;
  }
  filter.clear(segmentOf(one.clear));
  return there.filter((id) => segmentOf(id) !== segmentOf(one.clear));
}

describe("The filter of ids", () => {
  it("never denies an id that is there, whatever was added, grown and cleared", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const filter = createIdFilter();
        const there = steps.reduce<readonly number[]>((ids, one) => take(one, filter, ids), []);
        expect(there.filter((id) => !filter.mayHave(id))).toEqual([]);
      }),
    );
  });

  it("knows of nothing before anything was added, and of nothing in a segment that was cleared", () => {
    const filter = createIdFilter();
    const inEach = Array.from({ length: SEGMENTS }, (_, segment) => ((segment << 24) | 0x0aaaaa) >>> 0);
    expect(inEach.filter(filter.mayHave)).toEqual([]);
    filter.grow(1024);
    for (const id of inEach) filter.add(id);
    expect(inEach.filter(filter.mayHave)).toEqual(inEach);
    filter.clear(7);
    expect(inEach.filter((id) => !filter.mayHave(id))).toEqual([inEach[7]]);
  });

  it("tells most ids that are missing apart from those that are there, once they were added to one that is large enough", () => {
    const filter = createIdFilter();
    filter.grow(1024);
    const random = fc.sample(fc.uniqueArray(last, { minLength: 40_000, maxLength: 40_000 }), {
      numRuns: 1,
      seed: 1,
    })[0];
    const [there, missing] = [random?.slice(0, 20_000) ?? [], random?.slice(20_000) ?? []];
    for (const id of there) filter.add(id);
    expect(there.every(filter.mayHave)).toBe(true);
    // 20,000 of 262,144 bits are set.
    expect(missing.filter(filter.mayHave).length).toBeLessThan(missing.length / 10);
  });
});
