/** The order of ids that are made in one process; the clock and the randomness in them are the test's. */
import { randomUUIDv7 } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { orderedUuids } from "../../src/lib/ordered-uuids.ts";
import { systemRandom } from "../../src/lib/random.ts";

/** RFC 9562 section 5.7. */
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MOST_MS = 2 ** 48 - 1;

/** A UUIDv7 of this millisecond with this `rand_a`; `rand_b` is the same in all. */
function uuidOf(ms: number, randA: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randA.toString(16).padStart(3, "0")}-8123-456789abcdef`;
}

/** What becomes of these, in this order. */
function ordered(made: readonly string[]): readonly string[] {
  const left = made.values();
  const next = orderedUuids(() => left.next().value ?? "");
  return made.map(() => next());
}

describe("Ids", () => {
  it("of different milliseconds are left as they are", () => {
    const made = [uuidOf(1, 0xfff), uuidOf(2, 0), uuidOf(2 ** 41, 7)];
    expect(ordered(made)).toEqual(made);
  });

  it("of one millisecond count up from the first, with the random end of each", () => {
    const made = [uuidOf(5, 9), uuidOf(5, 0x800).replace("456789", "ffffff"), uuidOf(5, 3)];
    expect(ordered(made)).toEqual([uuidOf(5, 9), uuidOf(5, 10).replace("456789", "ffffff"), uuidOf(5, 11)]);
  });

  it.each([
    ["a millisecond is full", [uuidOf(0xffff, 0xfff), uuidOf(0xffff, 5)], [uuidOf(0xffff, 0xfff), uuidOf(0x10000, 0)]],
    ["the clock was put back", [uuidOf(900, 1), uuidOf(100, 5)], [uuidOf(900, 1), uuidOf(900, 2)]],
    [
      "the clock has caught up with what ran ahead",
      [uuidOf(8, 0xfff), uuidOf(8, 1), uuidOf(9, 0), uuidOf(10, 4)],
      [uuidOf(8, 0xfff), uuidOf(9, 0), uuidOf(9, 1), uuidOf(10, 4)],
    ],
  ])("sort as they were made when %s", (_, made, expected) => {
    expect(ordered(made)).toEqual(expected);
  });

  it("sort as they were made, and are UUIDv7, however the clock goes and whatever is random", () => {
    const step = fc.oneof({ arbitrary: fc.integer({ min: -3_600_000, max: 3_600_000 }), weight: 1 }, fc.constant(0));
    const made = fc.array(fc.tuple(step, fc.oneof(fc.integer({ min: 0, max: 0xfff }), fc.constant(0xfff))));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MOST_MS - 2 ** 32 }), made, (start, steps) => {
        let ms = start;
        const results = ordered(
          steps.map(([by, randA]) => {
            ms = Math.max(0, ms + by);
            return uuidOf(ms, randA);
          }),
        );
        expect(results.filter((id) => !UUID_V7.test(id))).toEqual([]);
        expect(results).toEqual([...new Set(results)].sort());
      }),
    );
  });

  it("of the system sort as they were made, thousands in a millisecond, and keep to its time", () => {
    const before = randomUUIDv7();
    const ids = Array.from({ length: 50_000 }, () => systemRandom.id("usr"));
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids[0]?.slice("usr_".length) ?? "").toMatch(UUID_V7);
    const lastMs = Number.parseInt((ids.at(-1) ?? "").slice("usr_".length).replace("-", "").slice(0, 12), 16);
    const firstMs = Number.parseInt(before.replace("-", "").slice(0, 12), 16);
    // A full millisecond lends from the next: 50,000 in one would be 13 ahead.
    expect(lastMs).toBeGreaterThanOrEqual(firstMs);
    expect(lastMs - Date.now()).toBeLessThanOrEqual(13);
  });
});
