import { describe, expect, it } from "vitest";
import { judgeRefresh, type RefreshVerdict } from "../../src/sessions/refresh-rule.ts";

const GRACE_MS = 30_000;
const NOW = 1_900_000_000_000;
const CURRENT = 7;

/** How long ago the presented generation was exchanged, in milliseconds. */
const AGES = {
  "this very moment": 0,
  "one millisecond within the grace time": GRACE_MS - 1,
  "after the clock was set back": -5_000,
  "exactly the grace time ago": GRACE_MS,
  "long ago": 86_400_000,
  "at a time that is forgotten": null,
} as const;

type Age = keyof typeof AGES;

const RECENT: readonly Age[] = [
  "this very moment",
  "one millisecond within the grace time",
  "after the clock was set back",
];
const OLD: readonly Age[] = ["exactly the grace time ago", "long ago", "at a time that is forgotten"];

/** Every case: the generation presented, the ages, then the verdict without and with the same attempt id. */
const TABLE: readonly [presented: number, ages: readonly Age[], other: RefreshVerdict, same: RefreshVerdict][] = [
  [CURRENT + 100, [...RECENT, ...OLD], "from_future", "from_future"],
  [CURRENT + 1, [...RECENT, ...OLD], "from_future", "from_future"],
  [CURRENT, [...RECENT, ...OLD], "rotate", "rotate"],
  [CURRENT - 1, RECENT, "repeat", "repeat"],
  [CURRENT - 1, OLD, "reuse", "repeat"],
  [CURRENT - 2, RECENT, "superseded", "superseded"],
  [CURRENT - 2, OLD, "reuse", "reuse"],
  [1, RECENT, "superseded", "superseded"],
  [1, OLD, "reuse", "reuse"],
  [0, OLD, "reuse", "reuse"],
  [-1, OLD, "reuse", "reuse"],
];

const CASES = TABLE.flatMap(([presented, ages, other, same]) =>
  ages.flatMap((age) => [
    { presented, age, attempt: "another attempt id or none", isSameAttempt: false, verdict: other },
    { presented, age, attempt: "the attempt id of the last exchange", isSameAttempt: true, verdict: same },
  ]),
);

function judge(presented: number, ageMs: number | null, isSameAttempt: boolean, graceMs = GRACE_MS): RefreshVerdict {
  const exchangedAt = ageMs === null ? null : NOW - ageMs;
  return judgeRefresh({ presented, current: CURRENT, exchangedAt, isSameAttempt, now: NOW, graceMs });
}

describe("The rule of refreshing", () => {
  it.each(CASES)("with generation $presented of 7, exchanged $age, and $attempt, says $verdict", (given) => {
    expect(judge(given.presented, AGES[given.age], given.isSameAttempt)).toBe(given.verdict);
  });

  it("knows no recent exchange where the grace time is zero", () => {
    expect(judge(CURRENT, 0, false, 0)).toBe("rotate");
    expect(judge(CURRENT - 1, 0, false, 0)).toBe("reuse");
    expect(judge(CURRENT - 1, 0, true, 0)).toBe("repeat");
    expect(judge(CURRENT - 2, 0, true, 0)).toBe("reuse");
  });

  it("never hands out tokens for any generation but the newest and the one before", () => {
    const generous = Array.from({ length: 40 }, (_, presented) => presented - 10).filter((presented) => {
      const verdicts = Object.values(AGES).flatMap((age) => [
        judge(presented, age, true),
        judge(presented, age, false),
      ]);
      return verdicts.some((verdict) => verdict === "rotate" || verdict === "repeat");
    });
    expect(generous).toEqual([CURRENT - 1, CURRENT]);
  });

  it("never takes a generation that the database does not have yet for a theft", () => {
    const verdicts = Object.values(AGES).flatMap((age) => [
      judge(CURRENT + 1, age, true),
      judge(CURRENT + 1, age, false),
    ]);
    expect(new Set(verdicts)).toEqual(new Set(["from_future"]));
  });
});
